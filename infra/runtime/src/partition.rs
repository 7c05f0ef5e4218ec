//! Which partition a key belongs to: Java's default partitioner, so that every other client of the log agrees.
//!
//! The relay computes it and sends to that partition; policies use it to tell which events of the store a partition
//! should have held. librdkafka's own default (CRC32) would differ.

/// The partition of a key among `partitions`: `toPositive(murmur2(key)) % partitions`.
///
/// # Panics
/// If `partitions` is 0 or beyond `i32`: a topic has at least one partition and the protocol counts in `i32`.
#[must_use]
pub fn partition_of(key: &[u8], partitions: u32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    let positive = murmur2(key) & 0x7fff_ffff;
    i32::try_from(positive % partitions).expect("a partition's number fits an i32")
}

/// Austin Appleby's 32-bit MurmurHash2 with the seed that Kafka chose.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;

    let length = u32::try_from(data.len()).expect("a key is far below 4 GiB");
    let mut hash = SEED ^ length;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        k ^= k >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ k.wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let tail = rest
            .iter()
            .rev()
            .fold(0, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_the_java_client_hashes_them() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_negative_hash_loses_its_sign_bit_and_is_not_negated() {
        assert_eq!(
            partition_of(b"foobar", 12),
            (-790_332_482_i32 & 0x7fff_ffff) % 12
        );
    }

    #[test]
    fn an_empty_key_has_a_partition_too() {
        assert!((0..12).contains(&partition_of(b"", 12)));
    }
}
