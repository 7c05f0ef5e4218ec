//! A small writer of line charts: own background, own colours in light and dark, nothing to load.

use std::fmt::Write;

use super::charts::amount;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 58.0;

/// Told apart also by those who see few colours; each has one for light and one for dark.
const COLOURS: [(&str, &str); 6] = [
    ("#0b5fd6", "#6cb0ff"),
    ("#c2410c", "#ff9b66"),
    ("#0f766e", "#4fd1c5"),
    ("#7c3aed", "#c4a5ff"),
    ("#a16207", "#f2cc60"),
    ("#4b5563", "#a7b0bd"),
];

/// How values are laid along the upright axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// Each power of ten takes the same room.
    Logarithmic,
}

/// One line.
pub struct Line {
    /// For the legend.
    pub name: String,
    /// Along and up.
    pub points: Vec<(f64, f64)>,
}

/// A chart.
pub struct Plot {
    /// Above it.
    pub title: String,
    /// What runs along.
    pub x_label: String,
    /// What goes up.
    pub y_label: String,
    /// Where along which text stands.
    pub x_ticks: Vec<(f64, String)>,
    /// Of the upright axis.
    pub y_scale: Scale,
    /// At least one.
    pub lines: Vec<Line>,
}

/// A range of values, mapped onto a range of the picture.
struct Axis {
    from: f64,
    to: f64,
    at: (f64, f64),
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let span = (self.to - self.from).max(f64::EPSILON);
        self.at.0 + (value - self.from) / span * (self.at.1 - self.at.0)
    }
}

impl Plot {
    /// The picture.
    pub fn draw(&self) -> String {
        let x = self.x_axis();
        let (y, y_ticks) = self.y_axis();
        let mut svg = String::new();
        self.head(&mut svg);
        for (value, label) in &y_ticks {
            let at = y.place(*value);
            put(
                &mut svg,
                &format!(
                    r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}"/>
<text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#,
                    WIDTH - RIGHT,
                    LEFT - 10.0,
                    at + 4.0
                ),
            );
        }
        for (value, label) in &self.x_ticks {
            let (at, floor) = (x.place(*value), HEIGHT - BOTTOM);
            put(
                &mut svg,
                &format!(
                    r#"<line class="axis" x1="{at:.1}" x2="{at:.1}" y1="{floor}" y2="{:.1}"/>
<text class="tick" x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                    floor + 5.0,
                    floor + 20.0,
                    escape(label)
                ),
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            self.line(&mut svg, number % COLOURS.len(), line, &x, &y);
        }
        self.legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn head(&self, svg: &mut String) {
        let (mut light, mut dark) = (String::new(), String::new());
        for (number, (on_light, on_dark)) in COLOURS.iter().enumerate() {
            for (style, colour) in [(&mut light, on_light), (&mut dark, on_dark)] {
                put(
                    style,
                    &format!(".l{number}{{stroke:{colour}}}.d{number}{{fill:{colour}}}"),
                );
            }
        }
        let floor = HEIGHT - BOTTOM;
        put(
            svg,
            &format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" font-family="system-ui, sans-serif">
<title>{title}</title>
<style>
.back{{fill:#ffffff;stroke:#d5d9e0}} .title,.name{{fill:#1b1f27}} .tick,.label{{fill:#4d5564}} .grid{{stroke:#e6e9ee}} .axis{{stroke:#8b93a1}}
.title{{font-size:17px;font-weight:600}} .tick,.label,.name{{font-size:12.5px}} .line{{fill:none;stroke-width:2.4;stroke-linejoin:round}}
{light}@media (prefers-color-scheme: dark){{.back{{fill:#14181f;stroke:#333b48}} .title,.name{{fill:#eef1f6}} .tick,.label{{fill:#a9b2c0}} .grid{{stroke:#262d38}} .axis{{stroke:#6b7482}}
{dark}}}
</style>
<rect class="back" x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="8"/>
<text class="title" x="24" y="34">{title}</text>
<line class="axis" x1="{LEFT}" x2="{end}" y1="{floor}" y2="{floor}"/>
<text class="label" x="{middle}" y="{bottom}" text-anchor="middle">{x_label}</text>
<text class="label" transform="translate(20 {half}) rotate(-90)" text-anchor="middle">{y_label}</text>"#,
                title = escape(&self.title),
                inner_width = WIDTH - 1.0,
                inner_height = HEIGHT - 1.0,
                end = WIDTH - RIGHT,
                middle = f64::midpoint(LEFT, WIDTH - RIGHT),
                bottom = HEIGHT - 14.0,
                half = f64::midpoint(TOP, floor),
                x_label = escape(&self.x_label),
                y_label = escape(&self.y_label),
            ),
        );
    }

    fn line(&self, svg: &mut String, colour: usize, line: &Line, x: &Axis, y: &Axis) {
        let places: Vec<(f64, f64)> = line
            .points
            .iter()
            .map(|(along, up)| (x.place(*along), y.place(self.scaled(*up))))
            .collect();
        let path: Vec<String> = places
            .iter()
            .map(|(along, up)| format!("{along:.1},{up:.1}"))
            .collect();
        put(
            svg,
            &format!(
                r#"<polyline class="line l{colour}" points="{}"/>"#,
                path.join(" ")
            ),
        );
        for ((along, up), (_, value)) in places.iter().zip(&line.points) {
            put(
                svg,
                &format!(
                    r#"<circle class="d{colour}" cx="{along:.1}" cy="{up:.1}" r="3.4"><title>{}: {}</title></circle>"#,
                    escape(&line.name),
                    super::readable(*value)
                ),
            );
        }
    }

    fn legend(&self, svg: &mut String) {
        let mut at = 24.0;
        for (number, line) in self.lines.iter().enumerate() {
            let colour = number % COLOURS.len();
            put(
                svg,
                &format!(
                    r#"<line class="line l{colour}" x1="{at:.1}" x2="{:.1}" y1="58" y2="58"/>
<text class="name" x="{:.1}" y="62">{}</text>"#,
                    at + 20.0,
                    at + 27.0,
                    escape(&line.name)
                ),
            );
            // About seven to a letter at this size.
            at += 52.0 + 7.0 * f64::from(u32::try_from(line.name.chars().count()).unwrap_or(0));
        }
    }

    fn scaled(&self, value: f64) -> f64 {
        match self.y_scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.max(1e-4).log10(),
        }
    }

    fn values(&self) -> impl Iterator<Item = &(f64, f64)> {
        self.lines.iter().flat_map(|line| &line.points)
    }

    fn x_axis(&self) -> Axis {
        let all = || {
            let ticks = self.x_ticks.iter().map(|(x, _)| *x);
            ticks.chain(self.values().map(|(x, _)| *x))
        };
        Axis {
            from: all().fold(f64::INFINITY, f64::min),
            to: all().fold(f64::NEG_INFINITY, f64::max),
            at: (LEFT + 12.0, WIDTH - RIGHT - 12.0),
        }
    }

    fn y_axis(&self) -> (Axis, Vec<(f64, String)>) {
        let at = (HEIGHT - BOTTOM, TOP);
        let least = self.values().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
        let most = self.values().map(|(_, y)| *y).fold(0.0, f64::max);
        match self.y_scale {
            Scale::Linear => {
                let step = step(most);
                let steps = (most / step).ceil().max(1.0);
                let ticks = whole_numbers(0.0, steps).map(|n| (n * step, amount(n * step)));
                let axis = Axis {
                    from: 0.0,
                    to: steps * step,
                    at,
                };
                (axis, ticks.collect())
            }
            Scale::Logarithmic => {
                let from = self.scaled(least).floor();
                let to = self.scaled(most).ceil().max(from + 1.0);
                let ticks = whole_numbers(from, to).map(|n| (n, amount(10_f64.powf(n))));
                (Axis { from, to, at }, ticks.collect())
            }
        }
    }
}

fn whole_numbers(from: f64, to: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(from), |n| Some(n + 1.0)).take_while(move |n| *n <= to)
}

/// A round step, of which about five reach the most.
fn step(most: f64) -> f64 {
    let rough = (most / 5.0).max(1e-6);
    let power = 10_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0];
    times
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power)
}

fn put(svg: &mut String, text: &str) {
    writeln!(svg, "{text}").expect("a string takes what is written to it");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        assert!((step(57_000.0) - 20_000.0).abs() < 1.0);
        assert!((step(4.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn text_cannot_break_out() {
        assert_eq!(escape(r#"a < b & "c""#), "a &lt; b &amp; &quot;c&quot;");
    }
}
