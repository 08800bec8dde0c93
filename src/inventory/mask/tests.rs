use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;

use super::*;
use crate::sanitize::sanitize;

const SECRET: &str = "s3cret/p+ss \"w\"ord";

fn hidden(text: &str) -> String {
    Mask::of([SECRET]).hide(text)
}

#[test]
fn a_text_is_searched_up_to_64_kib_and_cut_there() {
    let mask = Mask::of(["hunter2-hunter2"]);
    let long = format!("{}hunter2-hunter2", "é".repeat(32 * 1024 - 3));
    let shown = mask.hide(&long);
    assert!(shown.len() < 66 * 1024, "{}", shown.len());
    assert!(
        shown.ends_with("é(hidden)…"),
        "{}",
        &shown[shown.len() - 40..]
    );
}

#[test]
fn a_secret_is_found_plain_and_escaped() {
    for form in [
        SECRET,
        "s3cret%2Fp%2Bss%20%22w%22ord",
        "s3cret%2Fp%2Bss+%22w%22ord",
        "s3cret/p+ss \\\"w\\\"ord",
        "s3cret%2fp%2bss%20%22w%22ord",
        "s3cret/p+ss &quot;w&quot;ord",
        "s3cret/p+ss &#34;w&#x22;ord",
        "S3CRET/P+SS \"W\"ORD",
        "S3CRET%2FP%2BSS%20%22W%22ORD",
        "s3cret\\u002fp\\u002Bss \\x22w\\u{22}ord",
        "s3cret\\/p+ss\\n\\\"w\\\"ord",
        "%73%33cret%252Fp%252Bss%2520%2522w%2522ord",
        "7333637265742f702b7373202277226f7264",
        "7333637265742F702B7373202277226F7264",
        "73 33 63 72 65 74 2f 70 2b 73 73 20 22 77 22 6f 72 64",
        "73:33:63:72:65:74:2F:70:2B:73:73:20:22:77:22:6F:72:64",
        "73-33-63-72-65-74-2f-70-2b-73-73-20-22-77-22-6f-72-64",
        "dro\"w\" ss+p/terc3s",
        "s-3-c-r-e-t-/-p-+-s-s- -\"-w-\"-o-r-d",
        "s 3 c r e t / p + s s \" w \" o r d",
    ] {
        assert_eq!(
            hidden(&format!("before {form} after")),
            "before (hidden) after"
        );
    }
    assert_eq!(hidden("nothing of it"), "nothing of it");
}

#[test]
fn a_secret_is_found_inside_base64() {
    // The texts are made with echo -n 'ana:s3cret…' | base64, with users of three lengths.
    for packed in [
        "YW5hOnMzY3JldC9wK3NzICJ3Im9yZA==",
        "YW5hYTpzM2NyZXQvcCtzcyAidyJvcmQ=",
        "YW5hYWE6czNjcmV0L3Arc3MgIncib3Jk",
    ] {
        let shown = hidden(packed);
        // The first and the last character of the secret share a base64 digit with other text.
        assert!(shown.contains(HIDDEN), "{packed}: {shown}");
        assert!(shown.len() <= 8 + HIDDEN.len() + 4, "{packed}: {shown}");
    }
}

#[test]
fn a_secret_is_found_inside_base32_and_double_base64() {
    let twice = |text: &str| STANDARD.encode(STANDARD.encode(text));
    for packed in [
        // The first two texts are made with printf '%s' 'ana:s3cret…' | base32, with users of two lengths.
        "MFXGCOTTGNRXEZLUF5YCW43TEARHOITPOJSA====",
        "MFXGCYJ2OMZWG4TFOQXXAK3TOMQCE5ZCN5ZGI===",
        &twice("ana:s3cret/p+ss \"w\"ord"),
        &twice("anaa:s3cret/p+ss \"w\"ord"),
        &twice("anaaa:s3cret/p+ss \"w\"ord"),
    ] {
        let shown = hidden(packed);
        assert!(shown.contains(HIDDEN), "{packed}: {shown}");
        // What remains of the secret is too short to be read.
        assert!(shown.len() <= 16 + HIDDEN.len() + 8, "{packed}: {shown}");
    }
}

#[test]
fn a_short_secret_is_hidden_only_as_a_whole_word() {
    let mask = Mask::of(["port9", "key"]);
    for (text, shown) in [
        ("port9 is wrong", "(hidden) is wrong"),
        ("pin=port9&a=b", "pin=(hidden)&a=b"),
        ("a%20PORT9%20b", "a%20(hidden)%20b"),
        ("the key, then", "the (hidden), then"),
        ("airport9 and port99", "airport9 and port99"),
        ("keys and monkey", "keys and monkey"),
    ] {
        assert_eq!(mask.hide(text), shown);
    }
}

#[test]
fn a_secret_that_was_cut_is_hidden_to_its_last_character() {
    assert_eq!(hidden("it says s3cret/p…"), "it says (hidden)…");
    assert_eq!(hidden("it says s3cre…"), "it says (hidden)…");
    assert_eq!(hidden("it says s3…"), "it says s3…");
}

#[test]
fn a_token_is_hidden_after_its_scheme() {
    let mask = Mask::of(["Bearer hunter2-hunter2"]);
    assert_eq!(
        mask.hide("token hunter2-hunter2 expired"),
        "token (hidden) expired"
    );
    assert!(!format!("{mask:?}").contains("hunter2"));
}

#[test]
fn a_text_that_was_not_cut_keeps_its_last_word() {
    let mask = Mask::of(["Bearer hunter2-hunter2"]);
    for text in ["the scheme has to be Bearer", "use Basic or Bearer"] {
        assert_eq!(mask.hide(text), text);
    }
}

#[test]
fn a_body_is_hidden_only_as_a_whole() {
    let mask = Mask::default().with_body(Some("{\"id\": 1234}\nname: web\n"));
    for text in ["{\"a\": 1234}", "name: web"] {
        assert_eq!(mask.hide(text), text);
    }
    let shown = mask.hide("not this: {\"id\": 1234}\nname: web.");
    assert_eq!(shown, "not this: (hidden).");
}

#[test]
fn a_short_word_is_no_secret_by_its_name_alone() {
    for text in ["true", "none", "prod", "off", ""] {
        assert!(is_word(text), "{text}");
    }
    for text in ["sesame", "1234", "ab1", "p@ss"] {
        assert!(!is_word(text), "{text}");
    }
}

#[test]
fn a_short_secret_hides_no_part_of_a_word() {
    assert_eq!(Mask::of(["on", ""]).hide("a connection"), "a connection");
}

#[test]
fn a_secret_split_by_controls_and_line_ends_is_found() {
    for split in [
        "s3c\u{1b}[31mret/p+ss \"w\"ord",
        "s3c\u{7}ret/p+ss\t\"w\"ord",
        "s3c\u{200b}ret/p\u{202e}+ss \"w\"ord",
        "s3c\u{336}ret/p+ss \"w\"ord",
        "s3cret%2\u{1b}]0;x\u{7}Fp%2Bss+%22w%22ord",
        "s3cret/p\r\n+ss \"w\"ord",
    ] {
        assert_eq!(hidden(&format!("a {split} b")), "a (hidden) b", "{split:?}");
    }
}

#[test]
fn letters_outside_ascii_are_found_in_both_cases_and_escaped() {
    let mask = Mask::of(["straße-ñandú"]);
    for form in [
        "STRASSE-ÑANDÚ",
        "stra\\u00dfe-\\u00f1and\\u00FA",
        "stra%C3%9fe-%c3%b1and%C3%BA",
        "STRA&#223;E-&#xf1;and&#xFA;",
    ] {
        assert_eq!(mask.hide(form), HIDDEN, "{form}");
    }
    let pair = Mask::of(["\u{1f511}\u{1f511}key"]);
    assert_eq!(pair.hide("\\ud83d\\udd11\\ud83d\\udd11key."), "(hidden).");
}

#[test]
fn a_secret_cut_within_an_escape_is_hidden() {
    for cut in [
        "it says s3cret%2…",
        "it says s3cret%2Fp%…",
        "it says s3cret\\u002…",
    ] {
        assert_eq!(hidden(cut), "it says (hidden)…", "{cut}");
    }
    assert_eq!(
        hidden("s3cret/p… and s3cr…\nmore"),
        "(hidden)… and (hidden)…\nmore"
    );
}

#[test]
fn overlapping_matches_are_hidden_as_one() {
    let mask = Mask::of(["abcdef", "defghi"]);
    assert_eq!(mask.hide("-abcdefghi-"), "-(hidden)-");
}

#[test]
fn the_forms_of_a_secret_are_shared_by_clones() {
    let mask = Mask::of([SECRET]);
    let clone = mask.clone();
    assert!(mask.is_in(SECRET) && !mask.is_in("nothing of it"));
    assert!(clone.0.forms.get().is_some());
}

#[test]
fn a_text_longer_than_the_limit_is_cut_and_treated_as_containing_a_secret() {
    let mask = Mask::of([SECRET]);
    let most = "x".repeat(Mask::SEARCH_LIMIT);
    assert!(!mask.is_in(&most));
    let longer = format!("{most} {SECRET}");
    assert!(mask.is_in(&longer));
    // A text above the limit is not searched at all: the forms were never made.
    let unused = Mask::of([SECRET]);
    assert!(unused.is_in(&longer) && unused.0.forms.get().is_none());
    assert_eq!(mask.hide(&longer), format!("{most}…"));
    assert!(!Mask::default().is_in(&longer));
}

/// Forms in which a server may repeat a secret.
fn repeated(secret: &str) -> Vec<String> {
    let each = |escape: &dyn Fn(u8) -> String| {
        let escaped: Vec<String> = secret.bytes().map(escape).collect();
        escaped.concat()
    };
    let units = |unit: u16| format!("\\u{unit:04x}");
    let html = |c: char| format!("&#{};", u32::from(c));
    vec![
        secret.to_owned(),
        secret.to_uppercase(),
        secret.to_lowercase(),
        each(&|byte| format!("%{byte:02X}")),
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| format!("{byte:02X}")),
        each(&|byte| format!("{byte:02x}")),
        secret
            .encode_utf16()
            .map(units)
            .collect::<Vec<_>>()
            .concat(),
        secret.chars().map(html).collect::<Vec<_>>().concat(),
        serde_json::json!(secret).to_string(),
    ]
}

/// Characters that a terminal drops, hides or shows as white space.
fn noise() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        "",
        "\u{1b}[31m",
        "\u{1b}[0m",
        "\u{1b}]0;x\u{7}",
        "\u{7}",
        "\u{8}",
        "\r",
        "\n",
        "\t",
        "\u{200b}",
        "\u{202e}",
        "\u{feff}",
        "\u{9b}",
        "\u{ad}",
        "\u{336}",
    ])
}

fn mixed(form: &str, noise: &[&str]) -> String {
    let mut noise = noise.iter().cycle();
    form.chars()
        .flat_map(|c| {
            [
                c.to_string(),
                noise.next().copied().unwrap_or_default().to_owned(),
            ]
        })
        .collect()
}

/// The part of a text that a person can read: letters, digits and punctuation, in one letter case.
fn read(text: &str) -> String {
    let text = text.to_uppercase().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || c.is_ascii_punctuation())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_form_of_any_secret_can_be_read(
        secret in "[!-~äñßЖ]{6,24}",
        noise in prop::collection::vec(noise(), 1..40),
    ) {
        let mask = Mask::of([&secret]);
        for form in repeated(&secret) {
            let text = format!("it said: {} - again", mixed(&form, &noise));
            let shown = read(&sanitize(&mask.hide(&text)));
            for form in repeated(&secret) {
                prop_assert!(!shown.contains(&read(&form)), "{:?}: {:?} in {:?}", secret, form, shown);
            }
        }
    }

    #[test]
    fn no_base64_of_any_secret_can_be_read(
        user in "[a-z]{1,6}",
        secret in "[!-~]{8,24}",
        noise in prop::collection::vec(noise(), 1..40),
    ) {
        let mask = Mask::of([&secret]);
        let packed = format!("{user}:{secret}");
        let (first, end) = (((user.len() + 1) * 8).div_ceil(6), packed.len() * 8 / 6);
        for form in [STANDARD.encode(&packed), URL_SAFE.encode(&packed)] {
            let shown = read(&sanitize(&mask.hide(&mixed(&form, &noise))));
            prop_assert!(!shown.contains(&read(&form[first..end])), "{:?} in {:?}", form, shown);
        }
    }

    #[test]
    fn a_text_without_the_secret_is_unchanged(text in "[ -~äñЖ…]{0,200}") {
        let mask = Mask::of(["\u{4e00}\u{4e8c}\u{4e09}\u{56db}"]);
        prop_assert_eq!(mask.hide(&text), text);
    }
}
