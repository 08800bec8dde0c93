//! Texts for people use one word for one thing: the *store* keeps registrations, the *image
//! registry* keeps images, and a *container* or a *process* is running.

use super::source::{Source, all};

/// Files whose doc comments become help texts and the configuration schema.
const DOC_COMMENTS_ARE_READ: [&str; 2] = ["src/cli/arguments.rs", "src/settings/model/"];

/// The quoted strings on a line. A string that continues on the next line ends with its line.
fn texts(line: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text: Option<String> = None;
    let mut before = ' ';
    for c in line.chars() {
        match (&mut text, c) {
            (Some(_), '"') if before != '\\' => texts.extend(text.take()),
            (Some(text), c) => text.push(c),
            (None, '"') if before != '\'' => text = Some(String::new()),
            (None, _) => {}
        }
        before = if before == '\\' { ' ' } else { c };
    }
    texts.extend(text);
    texts
}

/// A string without its `{…}` placeholders.
fn prose(text: &str) -> String {
    let mut depth = 0_usize;
    let kept = text.chars().filter(|c| {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    });
    kept.collect()
}

/// The word that has another meaning here, or `None` when the text is correct or is a name.
fn wrong_word(text: &str) -> Option<&'static str> {
    let text = prose(text);
    if !text.contains(' ') {
        return None;
    }
    let text = text.to_lowercase().replace("image registr", "image-");
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_alphanumeric() || "`.-_/".contains(c)))
        .map(|word| word.trim_matches('.'))
        .collect();
    ["registry", "registries", "instance", "instances"]
        .into_iter()
        .find(|wrong| words.contains(wrong))
}

fn wrong_words(source: &Source) -> Vec<String> {
    if source.path.ends_with("tests.rs") {
        return Vec::new();
    }
    let docs = DOC_COMMENTS_ARE_READ
        .iter()
        .any(|path| source.path.starts_with(path));
    let mut found = Vec::new();
    let mut lines = (1..).zip(source.text.lines()).peekable();
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        // Tests in the file itself are at its end.
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|(_, next)| next.ends_with('{')) {
            break;
        }
        let read = match line.strip_prefix("///") {
            Some(doc) if docs => vec![doc.to_owned()],
            _ if line.starts_with("//") => Vec::new(),
            _ => texts(line),
        };
        for text in read {
            if let Some(word) = wrong_word(&text) {
                found.push(format!("{}:{number}: {word}: {text}", source.path));
            }
        }
    }
    found
}

#[test]
fn texts_use_one_word_for_store_image_registry_and_container() {
    let wrong: Vec<String> = all("src").iter().flat_map(wrong_words).collect();
    assert!(
        wrong.is_empty(),
        "write `store`, `image registry`, and `container` or `process`:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_wrong_word_is_caught_only_in_texts_for_people() {
    let wrong = |path: &str, text: &str| wrong_words(&Source::new(path, text)).len();
    let view = "src/console/view/a.rs";
    assert_eq!(wrong(view, "let a = \"the registry is away\";"), 1);
    assert_eq!(wrong(view, "let a = \"two instances, one slot\";"), 1);
    assert_eq!(wrong(view, "let a = \"the image registry is away\";"), 0);
    assert_eq!(wrong(view, "let a = format!(\"in {registry} there\");"), 0);
    assert_eq!(wrong(view, "// the registry"), 0);
    assert_eq!(wrong(view, "/// The registry."), 0);
    assert_eq!(wrong("src/cli/arguments.rs", "/// Lists the registry."), 1);
}
