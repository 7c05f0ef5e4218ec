//! Which partition a key belongs to, written down once more from Kafka's protocol: a reader that used the relay's own
//! arithmetic would agree with it whatever it is.

const SEED: u32 = 0x9747_b28c;
const MIX: u32 = 0x5bd1_e995;

/// The partition that the Java client's default partitioner gives a key.
#[must_use]
pub fn partition(key: &[u8], partitions: u32) -> i32 {
    let mut hash = SEED ^ u32::try_from(key.len()).expect("a short key");
    let whole = key.len() / 4 * 4;
    for word in key[..whole].chunks_exact(4) {
        let word = u32::from_le_bytes(word.try_into().expect("four bytes")).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ (word ^ (word >> 24)).wrapping_mul(MIX);
    }
    for (at, byte) in key[whole..].iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * at);
    }
    if whole < key.len() {
        hash = hash.wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    let positive = (hash ^ (hash >> 15)) & 0x7fff_ffff;
    i32::try_from(positive % partitions).expect("a partition")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that Kafka's own tests of its Java client expect.
    #[test]
    fn it_agrees_with_the_java_client() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("abc", 479_470_107),
        ] {
            assert_eq!(
                partition(key.as_bytes(), 1 << 30),
                (hash & 0x7fff_ffff) % (1 << 30),
                "{key}"
            );
        }
    }
}
