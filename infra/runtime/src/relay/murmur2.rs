//! The partition of a key, as Java's default partitioner computes it, so that every client agrees on it.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;

/// `toPositive(murmur2(key)) % partitions`
pub(super) fn partition(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// MurmurHash2, 32 bits, with Kafka's seed.
fn murmur2(data: &[u8]) -> u32 {
    let (words, rest) = data.as_chunks::<4>();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Java's length is 32 bits; keys are far shorter"
    )]
    let mut hash = SEED ^ (data.len() as u32);
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(M);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(M) ^ mixed.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (byte, shift) in rest.iter().zip([0, 8, 16]) {
            hash ^= u32::from(*byte) << shift;
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own test of its hash.
    #[test]
    fn the_hash_is_javas() {
        for (text, expected) in [
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
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), expected, "{text}");
        }
    }

    #[test]
    fn a_negative_hash_gives_a_partition_all_the_same() {
        assert_eq!(
            partition(b"21", 12),
            (-973_932_308_i32 & 0x7fff_ffff) as u32 % 12
        );
        assert_eq!(partition(b"", 1), 0);
    }
}
