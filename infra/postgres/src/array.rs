//! Arrays as parameters, written straight from the batch into the message: no vector per column, no value trees.

use chrono::{DateTime, Utc};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};
use uuid::Uuid;

/// One element of an array, in PostgreSQL's binary form.
pub(crate) trait Element {
    /// The element's type, as pg_type has it.
    const OID: u32;
    /// The array's.
    const ARRAY: u32;
    /// Writes the bytes; false: it is null.
    fn write(&self, into: &mut Vec<u8>) -> bool;
}

/// JSON as it stands.
pub(crate) struct Json<'j>(pub(crate) &'j [u8]);
/// Text that is not known to be UTF-8; the server looks.
pub(crate) struct RawText<'t>(pub(crate) &'t [u8]);

/// A moment, for `timestamptz`.
pub(crate) struct Moment(pub(crate) DateTime<Utc>);
/// JSON that is to be taken apart.
pub(crate) struct Jsonb<'j>(pub(crate) &'j [u8]);

/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

impl Element for Moment {
    const OID: u32 = 1184;
    const ARRAY: u32 = 1185;
    fn write(&self, into: &mut Vec<u8>) -> bool {
        into.extend_from_slice(&(self.0.timestamp_micros() - EPOCH).to_be_bytes());
        true
    }
}

impl Element for Jsonb<'_> {
    const OID: u32 = 3802;
    const ARRAY: u32 = 3807;
    fn write(&self, into: &mut Vec<u8>) -> bool {
        // The version of the binary form, of which there is one.
        into.push(1);
        into.extend_from_slice(self.0);
        true
    }
}

macro_rules! element {
    ($kind:ty, $oid:literal, $array:literal, |$value:ident| $bytes:expr) => {
        impl Element for $kind {
            const OID: u32 = $oid;
            const ARRAY: u32 = $array;
            fn write(&self, into: &mut Vec<u8>) -> bool {
                let $value = self;
                into.extend_from_slice($bytes);
                true
            }
        }
    };
}

element!(&str, 25, 1009, |text| text.as_bytes());
element!(RawText<'_>, 25, 1009, |text| text.0);
element!(Json<'_>, 114, 199, |json| json.0);
element!(&[u8], 17, 1001, |bytes| bytes);
element!(&[u8; 32], 17, 1001, |bytes| &bytes[..]);
element!(i64, 20, 1016, |number| &number.to_be_bytes());
element!(i32, 23, 1007, |number| &number.to_be_bytes());
element!(bool, 16, 1000, |yes| &[u8::from(*yes)]);
element!(Uuid, 2950, 2951, |id| id.as_bytes());

impl<E: Element> Element for Option<E> {
    const OID: u32 = E::OID;
    const ARRAY: u32 = E::ARRAY;
    fn write(&self, into: &mut Vec<u8>) -> bool {
        self.as_ref().is_some_and(|value| value.write(into))
    }
}

/// A column of a batch as one array.
pub(crate) struct Array<I>(pub(crate) I);

impl<I: Iterator<Item: Element>> Type<Postgres> for Array<I> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(I::Item::ARRAY))
    }
}

impl<'q, I> Encode<'q, Postgres> for Array<I>
where
    I: ExactSizeIterator<Item: Element> + Clone,
{
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let length = i32::try_from(self.0.len())?;
        // An array of no elements has no dimensions.
        buffer.extend_from_slice(&i32::from(length > 0).to_be_bytes());
        // A null bitmap is not part of the binary form; this flag only says whether to expect nulls.
        buffer.extend_from_slice(&1_i32.to_be_bytes());
        buffer.extend_from_slice(&I::Item::OID.to_be_bytes());
        if length > 0 {
            buffer.extend_from_slice(&length.to_be_bytes());
            buffer.extend_from_slice(&1_i32.to_be_bytes());
        }
        for element in self.0.clone() {
            let at = buffer.len();
            buffer.extend_from_slice(&(-1_i32).to_be_bytes());
            if element.write(buffer) {
                let size = i32::try_from(buffer.len() - at - 4)?;
                buffer[at..at + 4].copy_from_slice(&size.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }
}

/// JSON as it stands, as a parameter of its own.
pub(crate) struct RawJson<'j>(pub(crate) &'j [u8]);

impl Type<Postgres> for RawJson<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(Json::OID))
    }
}

impl Encode<'_, Postgres> for RawJson<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0);
        Ok(IsNull::No)
    }
}
