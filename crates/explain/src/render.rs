//! A page for a terminal and for an editor.

use crate::Explanation;

/// The styles of a terminal, as escape sequences; empty strings for plain text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Styles<'a> {
    /// Before headings.
    pub heading: &'a str,
    /// Before code.
    pub code: &'a str,
    /// Before the error's message.
    pub error: &'a str,
    /// After each of them.
    pub reset: &'a str,
}

impl Explanation {
    /// The page for a terminal: code indented, Markdown's marks taken off.
    pub fn render_terminal(&self, styles: Styles<'_>) -> String {
        let Styles { heading, code, error, reset } = styles;
        let mut text = format!("{heading}{}{reset} [{}]\n\n", self.title, self.slug);
        let paragraph = |text: &mut String, markdown: &str| {
            text.push_str(&inline_code(markdown, code, reset));
            text.push_str("\n\n");
        };
        let block = |text: &mut String, style: &str, lines: &str| {
            for line in lines.lines() {
                text.push_str(&format!("    {style}{line}{reset}\n"));
            }
            text.push('\n');
        };
        paragraph(&mut text, self.why);
        text.push_str(&format!("{heading}Example{reset}\n\n"));
        block(&mut text, code, self.example.code);
        let severity = if self.is_lint() { "warning" } else { "error" };
        block(&mut text, error, &format!("{severity}: {}", self.message));
        text.push_str(&format!("{heading}How to fix it{reset}\n\n"));
        paragraph(&mut text, self.fix);
        block(&mut text, code, self.fixed.code);
        text.push_str(&format!("{heading}See also{reset} {}\n", self.see_also.join(", ")));
        text
    }

    /// The page as Markdown, for an editor's hover or a document.
    pub fn render_markdown(&self) -> &'static str {
        self.markdown
    }

    /// Why and how to fix it in one Markdown paragraph each: what fits below an error.
    pub fn render_summary(&self) -> String {
        let first = |text: &'static str| text.split("\n\n").next().unwrap_or(text);
        format!("{}\n\n{}", first(self.why), first(self.fix))
    }
}

/// `code` in backquotes becomes styled text; without styles the backquotes stay, as they separate.
fn inline_code(markdown: &str, code: &str, reset: &str) -> String {
    if code.is_empty() {
        return markdown.to_owned();
    }
    let mut text = String::with_capacity(markdown.len());
    for (index, part) in markdown.split('`').enumerate() {
        if index > 0 {
            text.push_str(if index % 2 == 1 { code } else { reset });
        }
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_page_in_a_terminal_without_colours() {
        let page = crate::find("not-a-boolean").expect("in the catalogue");
        expect![[r#"
            A condition is neither true nor false [not-a-boolean]

            `if`, `assert`, `!`, `&&`, `||` and `->` take booleans only. Nothing counts as true or
            false by itself: not `1`, not `null`, not an empty string or list.

            Example

                let packages = [ "git" ]; in if packages then "some" else "none"

                error: expected a Boolean but found a list: [ "git" ]

            How to fix it

            Write the comparison that you mean.

                let packages = [ "git" ]; in if packages != [ ] then "some" else "none"

            See also type-mismatch, assertion-failed
        "#]]
        .assert_eq(&page.render_terminal(Styles::default()));
    }

    #[test]
    fn colours_replace_backquotes() {
        assert_eq!(inline_code("use `x` or `y`.", "<", ">"), "use <x> or <y>.");
    }

    #[test]
    fn the_summary_fits_below_an_error() {
        let page = crate::find("undefined-variable").expect("in the catalogue");
        expect![[r#"
            No `let`, function argument, `rec` set, `inherit` or builtin of this name encloses the
            place where it is used, and no `with` could supply it. Names are looked up in the text, so
            this is found before anything runs.

            Spell the name as it was bound, or bind it: in a `let`, or as an argument of the enclosing
            function."#]].assert_eq(&page.render_summary());
    }
}
