//! Which of many: evenly spread numbers, and Zipf's law, repeatable from the number of the draw.

/// A generator without state: the same draw gives the same number.
#[must_use]
pub fn mix(draw: u64) -> u64 {
    let mut z = draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Zipf's law over `0 … size - 1`.
pub struct Zipf {
    cumulative: Vec<f64>,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes and draws lie far below 2^52 or lose nothing that matters"
)]
impl Zipf {
    /// With the given exponent; 0.99 is what storage benchmarks use.
    #[must_use]
    pub fn new(size: u64, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=size)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        for value in &mut cumulative {
            *value /= sum;
        }
        Self { cumulative }
    }

    /// One of them.
    #[must_use]
    pub fn draw(&self, draw: u64) -> u64 {
        let even = (mix(draw) >> 11) as f64 / (1_u64 << 53) as f64;
        let found = self.cumulative.partition_point(|value| *value < even);
        found.min(self.cumulative.len() - 1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_drawn_most_and_all_lie_within() {
        let zipf = Zipf::new(1_000, 0.99);
        let mut seen = vec![0_u32; 1_000];
        for draw in 0..100_000 {
            seen[usize::try_from(zipf.draw(draw)).unwrap()] += 1;
        }
        assert_eq!(seen.iter().max(), seen.first());
        assert!(seen[0] > 10_000, "drawn {} times", seen[0]);
        assert!(seen.iter().filter(|times| **times > 0).count() > 900);
    }
}
