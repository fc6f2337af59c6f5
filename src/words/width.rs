use super::{
    lines::{fields, is_separator, number},
    source::Source,
};

/// How many values a vector has, as the start of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// The line with the two numbers of word2vec, if there is one, counted from 1.
    pub(super) header: Option<usize>,
    /// How many vectors that line promises.
    pub(super) promised: Option<usize>,
    /// How many values a vector has; 0 if that cannot be seen.
    pub(super) width: usize,
}

/// So many lines are looked at.
const LINES: usize = 1000;
/// So many lines have to agree against the first one.
const AGREE: usize = 3;

/// Looks at the first lines of a file. Words hold spaces, and can end in numbers; so what most lines say is
/// right. Where as many say the one and the other, it is `expected` if that is among them, else the smaller one,
/// by which each of the lines is a vector.
///
/// # Errors
/// What is wrong with the first line.
pub(super) fn form(source: &Source<'_>, expected: Option<usize>) -> Result<Form, String> {
    let mut lines = source.head.split(|&b| b == b'\n').enumerate();
    let mut lines = lines.by_ref().map(|(i, line)| (i + 1, line.trim_ascii_end()));
    let first = lines.find(|(_, line)| !line.is_empty());
    let (at, first) = first.unwrap_or_default();
    let two = fields(first).map(integer).collect::<Option<Vec<usize>>>();
    let header = two.and_then(|two| <[usize; 2]>::try_from(two).ok());
    // A line that is cut, by the end of the file or of the head, says nothing, unless it is the only one.
    let last = source.head.iter().filter(|&&b| b == b'\n').count() + 1;
    let rest = lines.filter(|&(line, _)| line < last).map(|(_, line)| line);
    let first = header.is_none().then_some(first);
    let mut votes: Vec<(usize, usize)> = Vec::new();
    for line in first.into_iter().chain(rest).take(LINES) {
        match (values(line), votes.iter_mut().find(|(width, _)| *width == values(line))) {
            (0, _) => {}
            (_, Some((_, count))) => *count += 1,
            (width, None) => votes.push((width, 1)),
        }
    }
    let best = votes
        .iter()
        .max_by_key(|&&(width, count)| (count, Some(width) == expected, std::cmp::Reverse(width)));
    let Some([promised, width]) = header else {
        return Ok(Form { header: None, promised: None, width: best.map_or(0, |best| best.0) });
    };
    if let [(other, AGREE..)] = votes[..]
        && other > width
    {
        return Err(format!(
            "it says vectors of {width} values; the lines that follow have {other}"
        ));
    }
    Ok(Form { header: Some(at), promised: Some(promised), width })
}

fn integer(field: &[u8]) -> Option<usize> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// How many values a line has, at most: the numbers at its end, except for what must be the word.
fn values(line: &[u8]) -> usize {
    let count = fields(line).count();
    let numbers = fields(line).collect::<Vec<_>>();
    let numbers = numbers.iter().rev().take_while(|field| number(field).is_some()).count();
    let blank = line.first().is_some_and(is_separator);
    if numbers == count && !blank { count.saturating_sub(1) } else { numbers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::source::source;

    fn width(text: &str) -> usize {
        form(&source(text.as_bytes(), "").unwrap(), None).unwrap().width
    }

    #[test]
    fn what_most_lines_say_is_right() {
        assert_eq!(width(". . . 1 2\nthe 1 2\n"), 2);
        assert_eq!(width("area 51 1 2\nthe 1 2\nking 1 2\n"), 2);
        assert_eq!(width("area 51 1 2\nthe 1 2\n"), 2);
        assert_eq!(width("51 1 2\n52 1 2\n"), 2);
        assert_eq!(width(" 1 2\nthe 1 2\n"), 2);
        assert_eq!(width("nan 1 2\n"), 2);
        assert_eq!(width("the 1 2 3\nking 1 2 3\nqueen 1 2\n"), 3);
        // The end is cut off.
        assert_eq!(width("the 1 2 3\nking 1 2"), 3);
        assert_eq!(width("the 1 2"), 2);
        for nothing in ["\n\n", "the\n", "51\n", "no numbers here\n"] {
            assert_eq!(width(nothing), 0, "{nothing}");
        }
        let text = "the 1 2 3\nking 1 2\n";
        for expected in 2..=3 {
            let form = form(&source(text.as_bytes(), "").unwrap(), Some(expected));
            assert_eq!(form.unwrap().width, expected);
        }
    }

    #[test]
    fn a_first_line_of_two_numbers_is_believed() {
        let form = |text: &str| form(&source(text.as_bytes(), "").unwrap(), None);
        let expected = Form { header: Some(2), promised: Some(9), width: 3 };
        assert_eq!(form("\n  9\t 3 \r\narea 51 1 2 3\n"), Ok(expected));
        let error = form("9 2\na 1 2 3\nb 1 2 3\nc 1 2 3\n").unwrap_err();
        assert_eq!(error, "it says vectors of 2 values; the lines that follow have 3");
    }
}
