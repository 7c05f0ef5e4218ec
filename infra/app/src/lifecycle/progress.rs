//! Progress on stderr, where somebody looks at it.

use std::io::IsTerminal;
use std::time::Duration;

/// Shown from here on; what is done sooner needs no bar.
const AFTER: Duration = Duration::from_secs(2);

/// A bar that appears after two seconds; none where stderr is no terminal.
pub struct ProgressBar {
    bar: indicatif::ProgressBar,
    began: std::time::Instant,
}

/// A bar for a piece of work.
#[must_use]
pub fn progress_bar(what: &'static str) -> ProgressBar {
    let bar =
        indicatif::ProgressBar::with_draw_target(None, indicatif::ProgressDrawTarget::hidden());
    if let Ok(style) =
        indicatif::ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} ({eta} left)")
    {
        bar.set_style(style);
    }
    bar.set_message(what);
    ProgressBar {
        bar,
        began: std::time::Instant::now(),
    }
}

impl ProgressBar {
    /// So far, of so many.
    pub fn at(&self, position: u64, of: u64) {
        if self.bar.is_hidden() && self.began.elapsed() > AFTER && std::io::stderr().is_terminal() {
            self.bar
                .set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        self.bar.set_length(of);
        self.bar.set_position(position);
    }

    /// It is done; the bar goes.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
