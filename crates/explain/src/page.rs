//! Reading a page of the catalogue into its parts. The shape is in the crate's documentation.

use crate::{Example, Explanation};

/// `None` if a section is missing; a test holds every page to its shape.
pub(crate) fn parse(slug: &'static str, markdown: &'static str) -> Option<Explanation> {
    let (title, rest) = markdown.strip_prefix("# ")?.split_once('\n')?;
    let (why, rest) = rest.split_once("\n## Example\n")?;
    let (example, rest) = rest.split_once("\n## How to fix it\n")?;
    let (fix, see_also) = rest.split_once("\n## See also\n")?;
    let example = code_block(example)?;
    let message = code_block(example.rest)?;
    let (fix, fixed) = fix.split_at(fix.find("\n```nix")?);
    let fixed = code_block(fixed)?;
    Some(Explanation {
        slug,
        title,
        why: why.trim(),
        example: Example { code: example.code, setting: example.setting("nix")? },
        message: message.code,
        fix: fix.trim(),
        fixed: Example { code: fixed.code, setting: fixed.setting("nix")? },
        see_also: see_also.lines().filter_map(|line| line.strip_prefix("- ")).collect(),
        markdown,
    })
}

struct CodeBlock {
    info: &'static str,
    code: &'static str,
    rest: &'static str,
}

/// The first fenced block of the text.
fn code_block(text: &'static str) -> Option<CodeBlock> {
    let (_, rest) = text.split_once("```")?;
    let (info, rest) = rest.split_once('\n')?;
    let (code, rest) = rest.split_once("\n```")?;
    Some(CodeBlock { info, code, rest })
}

impl CodeBlock {
    fn setting(&self, language: &str) -> Option<&'static str> {
        Some(self.info.strip_prefix(language)?.trim())
    }
}
