//! Reads one variant of a command's enum from its name and its body, which arrive apart: the name in the URL, the
//! body as JSON. So the body is parsed once, straight into the typed command, and errors name its fields.

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error,
    IntoDeserializer, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Why a body is not of its command's shape.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misread {
    /// Where in the body: `lines[0].quantity`; empty where it is the body itself.
    pub(super) path: String,
    /// What is wrong there.
    pub(super) message: String,
    /// False where the bytes are no JSON at all.
    pub(super) is_json: bool,
}

/// Reads variant `name` of `T` from a JSON body. An empty body is an empty object.
pub(super) fn read<T: DeserializeOwned>(name: &str, body: &[u8]) -> Result<T, Misread> {
    let body = if body.trim_ascii().is_empty() {
        b"{}"
    } else {
        body
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let command = serde_path_to_error::deserialize(Variant {
        name,
        body: &mut json,
    });
    match command {
        Ok(command) => json
            .end()
            .map(|()| command)
            .map_err(|error| misread(String::new(), &error)),
        Err(error) => {
            let path = match error.path().to_string() {
                root if root == "." => String::new(),
                path => path
                    .strip_prefix(&format!("{name}."))
                    .unwrap_or(&path)
                    .to_owned(),
            };
            Err(misread(path, error.inner()))
        }
    }
}

fn misread(path: String, error: &serde_json::Error) -> Misread {
    Misread {
        path,
        message: error.to_string(),
        is_json: error.is_data(),
    }
}

struct Variant<'n, D> {
    name: &'n str,
    body: D,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Variant<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("a list of commands is an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de, D: Deserializer<'de>> EnumAccess<'de> for Variant<'_, D> {
    type Error = D::Error;
    type Variant = Body<D>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Body<D>), D::Error> {
        let name: StrDeserializer<'_, D::Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, Body(self.body)))
    }
}

struct Body<D>(D);

impl<'de, D: Deserializer<'de>> VariantAccess<'de> for Body<D> {
    type Error = D::Error;

    fn unit_variant(self) -> Result<(), D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        Nothing::deserialize(self.0).map(|Nothing {}| ())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, D::Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct("body", fields, visitor)
    }
}
