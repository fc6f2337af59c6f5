//! The few messages of TensorFlow's `event.proto` and `summary.proto` that are needed, in the form of protocol buffers.

/// A message under way.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn key(self, field: u64, kind: u64) -> Self {
        self.varint(field << 3 | kind)
    }

    fn number(self, field: u64, value: u64) -> Self {
        self.key(field, 0).varint(value)
    }

    fn double(mut self, field: u64, value: f64) -> Self {
        self = self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, field: u64, value: f32) -> Self {
        self = self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self = self.key(field, 2).varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn doubles(self, field: u64, values: &[f64]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(field, &bytes)
    }
}

/// `Event`: with values, or the first one of a file, with the version of its format.
pub(super) fn event(time: f64, step: Option<u64>, value: &[u8]) -> Vec<u8> {
    let event = Message::default().double(1, time);
    match step {
        None => event.bytes(3, b"brain.Event:2").0,
        Some(step) => event.number(2, step).bytes(5, &Message::default().bytes(1, value).0).0,
    }
}

/// `Summary.Value` of a number.
pub(super) fn scalar(tag: &str, value: f64) -> Vec<u8> {
    Message::default().bytes(1, tag.as_bytes()).float(2, value as f32).0
}

/// `Summary.Value` of a text: a tensor of one string, for the plugin that shows texts.
pub(super) fn text(tag: &str, text: &str) -> Vec<u8> {
    const DT_STRING: u64 = 7;
    let shape = Message::default().bytes(2, &Message::default().number(1, 1).0).0;
    let tensor = Message::default().number(1, DT_STRING).bytes(2, &shape).bytes(8, text.as_bytes());
    let plugin = Message::default().bytes(1, &Message::default().bytes(1, b"text").0).0;
    Message::default().bytes(1, tag.as_bytes()).bytes(8, &tensor.0).bytes(9, &plugin).0
}

/// How many bars a histogram has, as TensorFlow's.
const BARS: usize = 30;

/// `Summary.Value` of a histogram. What is not finite is left out.
pub(super) fn histogram(tag: &str, values: &[f64]) -> Vec<u8> {
    let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let (limits, counts) = bars(&values);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (least, most) = if values.is_empty() { (0.0, 0.0) } else { (least, most) };
    let proto = Message::default()
        .double(1, least)
        .double(2, most)
        .double(3, values.len() as f64)
        .double(4, values.iter().sum())
        .double(5, values.iter().map(|value| value * value).sum())
        .doubles(6, &limits)
        .doubles(7, &counts);
    Message::default().bytes(1, tag.as_bytes()).bytes(5, &proto.0).0
}

/// The right ends of the bars, and how many values are in each.
fn bars(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    values.iter().for_each(|&value| (least, most) = (least.min(value), most.max(value)));
    if values.is_empty() {
        return (Vec::new(), Vec::new());
    }
    if least == most {
        // One bar of the width 1 around the only value.
        return (vec![least + 0.5], vec![values.len() as f64]);
    }
    let width = (most - least) / BARS as f64;
    let mut counts = vec![0.0; BARS];
    for value in values {
        let bar = ((value - least) / width) as usize;
        counts[bar.min(BARS - 1)] += 1.0;
    }
    ((1..=BARS).map(|i| least + width * i as f64).collect(), counts)
}

#[cfg(test)]
mod tests {
    use super::{BARS, bars, event, scalar, text};

    /// Bytes that `protobuf` gives for the same messages.
    #[test]
    fn messages_are_protocol_buffers() {
        assert_eq!(scalar("a", 0.5), [0x0A, 1, b'a', 0x15, 0, 0, 0, 0x3F]);
        let first = event(1.0, None, &[]);
        assert_eq!(first[..9], [0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]);
        assert_eq!(first[9..], *b"\x1A\x0Dbrain.Event:2");
        let event = event(1.0, Some(300), b"xyz");
        assert_eq!(event[9..], *b"\x10\xAC\x02\x2A\x05\x0A\x03xyz");
        let text = text("t", "hi");
        assert_eq!(text, *b"\x0A\x01t\x42\x0C\x08\x07\x12\x04\x12\x02\x08\x01\x42\x02hi\x4A\x08\x0A\x06\x0A\x04text");
    }

    #[test]
    fn all_values_are_in_the_bars() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        let (limits, counts) = bars(&values);
        assert_eq!(
            (limits.len(), limits[BARS - 1], counts.iter().sum::<f64>()),
            (BARS, 100.0, 101.0)
        );
        assert_eq!(bars(&[2.0, 2.0]), (vec![2.5], vec![2.0]));
        assert_eq!(bars(&[]), (Vec::new(), Vec::new()));
    }
}
