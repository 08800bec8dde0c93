//! Models of colour vision for the theme tests: contrast as WCAG 2.2 defines it, distance in
//! `OKLab` (Ottosson, *A perceptual color space for image processing*, 2020), and colours as seen
//! without one kind of cone (Machado, Oliveira and Fernandes, *A Physiologically-based Model for
//! Simulation of Color Vision Deficiency*, IEEE TVCG 2009, severity 1.0).

/// A colour, gamma-encoded, 0 to 255 each.
pub(crate) type Rgb = (u8, u8, u8);

/// Kinds of colour vision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eyes {
    /// All three kinds of cones.
    All,
    /// Without the red cones.
    Protanopia,
    /// Without the green cones.
    Deuteranopia,
    /// Without the blue cones.
    Tritanopia,
}

impl Eyes {
    fn matrix(self) -> [[f64; 3]; 3] {
        match self {
            Self::All => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Self::Protanopia => [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            Self::Deuteranopia => [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            Self::Tritanopia => [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        }
    }

    fn see(self, (r, g, b): Rgb) -> [f64; 3] {
        let light = [linear(r), linear(g), linear(b)];
        self.matrix().map(|row| dot(row, light).clamp(0.0, 1.0))
    }
}

fn dot(row: [f64; 3], column: [f64; 3]) -> f64 {
    row.iter().zip(column).map(|(a, b)| a * b).sum()
}

fn linear(part: u8) -> f64 {
    let part = f64::from(part) / 255.0;
    if part <= 0.040_45 {
        part / 12.92
    } else {
        ((part + 0.055) / 1.055).powf(2.4)
    }
}

fn luminance((r, g, b): Rgb) -> f64 {
    dot([0.2126, 0.7152, 0.0722], [linear(r), linear(g), linear(b)])
}

/// Contrast, from 1 to 21.
pub(crate) fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn oklab(light: [f64; 3]) -> [f64; 3] {
    let cones = [
        [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
        [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
        [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
    ]
    .map(|row| dot(row, light).cbrt());
    [
        [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
        [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
        [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
    ]
    .map(|row| dot(row, cones))
}

/// Distance of two colours. About 0.02 is the least that people notice side by side.
pub(crate) fn distance(one: Rgb, other: Rgb, eyes: Eyes) -> f64 {
    let (one, other) = (oklab(eyes.see(one)), oklab(eyes.see(other)));
    let squares = one.iter().zip(other).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

#[test]
fn the_formulas_match_the_published_values() {
    let (black, white) = ((0, 0, 0), (255, 255, 255));
    assert!((contrast(black, white) - 21.0).abs() < 1e-9);
    assert!((contrast((119, 119, 119), white) - 4.48).abs() < 0.01);
    // White is L = 1, and grey has no hue for any kind of vision.
    assert!((distance(black, white, Eyes::All) - 1.0).abs() < 1e-3);
    for eyes in [Eyes::Protanopia, Eyes::Deuteranopia, Eyes::Tritanopia] {
        assert!(
            (distance(black, white, eyes) - 1.0).abs() < 1e-2,
            "{eyes:?}"
        );
    }
    // The classic pair: far apart for most people, hardly different for some.
    let (red, green) = ((190, 90, 60), (120, 130, 60));
    assert!(distance(red, green, Eyes::All) > 0.12);
    assert!(distance(red, green, Eyes::Deuteranopia) < 0.06);
}
