//! Reading a [`Personal`]: the first key of an object tells the form, and nothing is buffered, so that a malformed
//! content is told in its own words and at its own place.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};

use super::Personal;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form(PhantomData))
    }
}

struct Form<T>(PhantomData<T>);

impl<T> Form<T> {
    fn open<'de, D>(content: D) -> Result<Personal<T>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        T::deserialize(content).map(Personal::Open)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Form<T> {
    type Value = Personal<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the content, {\"sealed\": …} or {\"forgotten\": true}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let first: Option<String> = map.next_key()?;
        match first.as_deref() {
            Some("sealed") => {
                let sealed = map.next_value()?;
                pass_over(map)?;
                Ok(Personal::Sealed(sealed))
            }
            Some("forgotten") => {
                if !map.next_value::<bool>()? {
                    return Err(de::Error::custom("forgotten is true or absent"));
                }
                pass_over(map)?;
                Ok(Personal::Forgotten)
            }
            _ => Self::open(MapAccessDeserializer::new(Again { first, rest: map })),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Self::open(text.into_deserializer())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Self::open(text.into_deserializer())
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Self::Value, E> {
        Self::open(truth.into_deserializer())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Self::open(number.into_deserializer())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Self::open(number.into_deserializer())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Self::open(number.into_deserializer())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Self::open(().into_deserializer())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        Self::open(de::value::SeqAccessDeserializer::new(items))
    }
}

/// Later fields of a sealed form are a newer writer's; events are read openly.
fn pass_over<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map
        .next_entry::<de::IgnoredAny, de::IgnoredAny>()?
        .is_some()
    {}
    Ok(())
}

/// The object again from its first key, which was read to see the form.
struct Again<A> {
    first: Option<String>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Again<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => {
                let first: StringDeserializer<A::Error> = first.into_deserializer();
                seed.deserialize(first).map(Some)
            }
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.rest.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        let first = usize::from(self.first.is_some());
        self.rest.size_hint().map(|rest| rest + first)
    }
}
