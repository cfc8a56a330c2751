//! The machine of pickles, as far as dictionaries of tensors need it.
//!
//! What a pickle makes is kept in lists, and values are places in them: copying one copies a number, and nothing that is
//! nested has to be followed to be freed. Calls of functions that make tensors are noted; all others come to nothing.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::folder::tensor::{Format, Place, Stored, View};

/// The most operations of a pickle; published models need some 40 for each tensor.
const STEPS: usize = 8_000_000;

/// A value of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    /// Anything that is of no use for tensors.
    Other,
    None,
    Whole(i64),
    Text(usize),
    Tuple(usize),
    Dictionary(usize),
    /// A class or a function.
    Global(usize),
    Storage(usize),
    Tensor(usize),
}

/// A storage that the pickle names.
#[derive(Debug, Clone)]
struct Storage {
    format: Format,
    name: String,
    count: usize,
}

/// The machine with what the pickle has made so far.
pub(super) struct Machine<'p> {
    bytes: &'p [u8],
    place: usize,
    stack: Vec<Value>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    texts: Vec<&'p str>,
    /// Module and name.
    globals: Vec<(&'p str, &'p str)>,
    tuples: Vec<Vec<Value>>,
    dictionaries: Vec<Vec<(Value, Value)>>,
    storages: Vec<Storage>,
    tensors: Vec<Stored>,
}

impl<'p> Machine<'p> {
    /// A machine before its first operation.
    pub(super) fn new(bytes: &'p [u8]) -> Self {
        Self {
            bytes,
            place: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            texts: Vec::new(),
            globals: Vec::new(),
            tuples: Vec::new(),
            dictionaries: Vec::new(),
            storages: Vec::new(),
            tensors: Vec::new(),
        }
    }

    /// Tensors of the dictionary that the pickle stands for, by name: the machine runs to its end.
    ///
    /// # Errors
    /// The fault of the pickle, in words.
    pub(super) fn run(mut self) -> Result<IndexMap<String, Stored>, String> {
        for _ in 0..STEPS {
            if self.step()? {
                return self.named();
            }
        }
        Err(format!("it has more than {STEPS} operations"))
    }

    fn named(mut self) -> Result<IndexMap<String, Stored>, String> {
        let Value::Dictionary(root) = self.pop()? else {
            return Err("it stands for no dictionary".into());
        };
        let entries = self.dictionaries.get(root).map(Vec::as_slice).unwrap_or_default();
        let tensor = |&(key, value): &(Value, Value)| {
            let (Value::Text(key), Value::Tensor(tensor)) = (key, value) else { return None };
            Some(((*self.texts.get(key)?).to_owned(), self.tensors.get(tensor)?.clone()))
        };
        Ok(entries.iter().filter_map(tensor).collect())
    }

    /// One operation; true for the last one.
    fn step(&mut self) -> Result<bool, String> {
        let operation = self.byte()?;
        match operation {
            b'.' => return Ok(true),
            // The number of the protocol; the length of a frame.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            // What is taken away, put into a list, or made the state of an object: nobody asks for it.
            b'0' | b'a' | b'b' => drop(self.pop()?),
            b'1' | b'e' | 0x90 => drop(self.pop_to_mark()?),
            b'2' => self.push(self.top()?),
            b'N' => self.push(Value::None),
            // True, false, an empty list, an empty set.
            0x88 | 0x89 | b']' | 0x8f => self.push(Value::Other),
            b'K' => self.whole(1)?,
            b'M' => self.whole(2)?,
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Whole(number.into()));
            }
            0x8a => self.long()?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Other);
            }
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            0x8d => self.text(8)?,
            b'U' | b'C' => self.skipped(1)?,
            b'T' | b'B' => self.skipped(4)?,
            0x8e | 0x96 => self.skipped(8)?,
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => self.remember(0)?,
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            other => self.compose(other)?,
        }
        Ok(false)
    }

    /// One operation that makes a value of others.
    fn compose(&mut self, operation: u8) -> Result<(), String> {
        match operation {
            b')' => self.tuple(Vec::new()),
            b't' => {
                let values = self.pop_to_mark()?;
                self.tuple(values);
            }
            0x85..=0x87 => {
                let values = self.pop_last(usize::from(operation - 0x84))?;
                self.tuple(values);
            }
            b'}' => self.dictionary(),
            b'd' => {
                let values = self.pop_to_mark()?;
                self.dictionary();
                self.set(&values)?;
            }
            b's' => {
                let values = self.pop_last(2)?;
                self.set(&values)?;
            }
            b'u' => {
                let values = self.pop_to_mark()?;
                self.set(&values)?;
            }
            b'l' | 0x91 => {
                self.pop_to_mark()?;
                self.push(Value::Other);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name);
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (self.text_of(module), self.text_of(name)) else {
                    return Err(self.fault("a class has no name"));
                };
                self.global(module, name);
            }
            b'Q' => self.storage()?,
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let value = self.call(callable, arguments)?;
                self.push(value);
            }
            0x92 => {
                self.pop_last(3)?;
                self.push(Value::Other);
            }
            other => return Err(self.fault(&format!("operation 0x{other:02x} is not known"))),
        }
        Ok(())
    }

    fn fault(&self, what: &str) -> String {
        format!("{what}, at byte {}", self.place)
    }

    fn take(&mut self, count: usize) -> Result<&'p [u8], String> {
        let end = self.place.checked_add(count);
        let bytes = end
            .and_then(|end| self.bytes.get(self.place..end))
            .ok_or_else(|| self.fault("it ends too early"))?;
        self.place += count;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A number of so many bytes, the lowest first.
    fn number(&mut self, width: usize) -> Result<u64, String> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn whole(&mut self, width: usize) -> Result<(), String> {
        let number = self.number(width)?;
        self.push(Value::Whole(number as i64));
        Ok(())
    }

    /// A signed number of a stated count of bytes.
    fn long(&mut self) -> Result<(), String> {
        let width = usize::from(self.byte()?);
        let bytes = self.take(width)?;
        if width > 8 {
            self.push(Value::Other);
            return Ok(());
        }
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
        let number = bytes.iter().rev().fold(sign, |number: i64, &byte| number << 8 | i64::from(byte));
        self.push(Value::Whole(number));
        Ok(())
    }

    /// A length of so many bytes, and the bytes.
    fn counted(&mut self, width: usize) -> Result<&'p [u8], String> {
        let length = usize::try_from(self.number(width)?).unwrap_or(usize::MAX);
        self.take(length)
    }

    fn text(&mut self, width: usize) -> Result<(), String> {
        let bytes = self.counted(width)?;
        // A name that is not UTF-8 is none of a tensor that anybody asks for.
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.texts.push(text);
                self.push(Value::Text(self.texts.len() - 1));
            }
            Err(_) => self.push(Value::Other),
        }
        Ok(())
    }

    fn skipped(&mut self, width: usize) -> Result<(), String> {
        self.counted(width)?;
        self.push(Value::Other);
        Ok(())
    }

    fn line(&mut self) -> Result<&'p str, String> {
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        let length =
            rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| self.fault("it ends too early"))?;
        let line = self.take(length)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| self.fault("a name is not UTF-8"))
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Result<Value, String> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    fn top(&self) -> Result<Value, String> {
        self.stack.last().copied().ok_or_else(|| self.fault("a value is missing"))
    }

    fn pop_last(&mut self, count: usize) -> Result<Vec<Value>, String> {
        let start = self.stack.len().checked_sub(count).ok_or_else(|| self.fault("a value is missing"))?;
        Ok(self.stack.split_off(start))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, String> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => Err(self.fault("a mark is missing")),
        }
    }

    /// Notes the value on top of the stack under a number of so many bytes, or under the next one.
    fn remember(&mut self, width: usize) -> Result<(), String> {
        let key = if width == 0 { self.memo.len() as u64 } else { self.number(width)? };
        let value = self.top()?;
        self.memo.insert(key as u32, value);
        Ok(())
    }

    /// Puts the value of a number of so many bytes onto the stack.
    fn recall(&mut self, width: usize) -> Result<(), String> {
        let key = self.number(width)? as u32;
        let value = self.memo.get(&key).copied().ok_or_else(|| self.fault("a value is missing"))?;
        self.push(value);
        Ok(())
    }

    fn global(&mut self, module: &'p str, name: &'p str) {
        self.globals.push((module, name));
        self.push(Value::Global(self.globals.len() - 1));
    }

    fn tuple(&mut self, values: Vec<Value>) {
        self.tuples.push(values);
        self.push(Value::Tuple(self.tuples.len() - 1));
    }

    fn dictionary(&mut self) {
        self.dictionaries.push(Vec::new());
        self.push(Value::Dictionary(self.dictionaries.len() - 1));
    }

    /// Puts keys and values, one after the other, into the dictionary on top of the stack, if it is one.
    fn set(&mut self, values: &[Value]) -> Result<(), String> {
        let (pairs, rest) = values.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.fault("a key has no value"));
        }
        if let Value::Dictionary(index) = self.top()?
            && let Some(dictionary) = self.dictionaries.get_mut(index)
        {
            dictionary.extend(pairs.iter().map(|&[key, value]| (key, value)));
        }
        Ok(())
    }

    fn text_of(&self, value: Value) -> Option<&'p str> {
        match value {
            Value::Text(index) => self.texts.get(index).copied(),
            _ => None,
        }
    }

    fn values(&self, value: Option<&Value>) -> Option<&[Value]> {
        match value {
            Some(Value::Tuple(index)) => self.tuples.get(*index).map(Vec::as_slice),
            _ => None,
        }
    }

    fn sizes(&self, value: Option<&Value>) -> Option<Vec<usize>> {
        self.values(value)?.iter().map(|value| size(Some(value))).collect()
    }

    /// A storage: its kind, its name, where it was, and how many numbers it has.
    fn storage(&mut self) -> Result<(), String> {
        let class = self.pop()?;
        let storage = match self.values(Some(&class)) {
            Some([kind, Value::Global(class), name, _, count, ..])
                if self.text_of(*kind) == Some("storage") =>
            {
                let name = match *name {
                    Value::Whole(number) => Some(number.to_string()),
                    other => self.text_of(other).map(str::to_owned),
                };
                let class = self.globals.get(*class).map_or("", |(_, name)| *name);
                let format = format_of(class.strip_suffix("Storage").unwrap_or(class));
                name.zip(size(Some(count))).map(|(name, count)| Storage { format, name, count })
            }
            _ => None,
        };
        let value = storage.map_or(Value::Other, |storage| {
            self.storages.push(storage);
            Value::Storage(self.storages.len() - 1)
        });
        self.push(value);
        Ok(())
    }

    /// Result of a function call.
    fn call(&mut self, callable: Value, arguments: Value) -> Result<Value, String> {
        let (mut callable, mut arguments) = (Some(callable), Some(arguments));
        // A tensor of a class of its own names the function that makes it, once.
        for _ in 0..2 {
            let (Some(Value::Global(index)), Some(values)) = (callable, self.values(arguments.as_ref()))
            else {
                break;
            };
            let Some(&(module, name)) = self.globals.get(index) else { break };
            match (module, name) {
                ("collections", "OrderedDict" | "defaultdict") => {
                    self.dictionaries.push(Vec::new());
                    return Ok(Value::Dictionary(self.dictionaries.len() - 1));
                }
                ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                    return Ok(values.first().copied().unwrap_or(Value::Other));
                }
                ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => {
                    let values = values.to_vec();
                    return self.tensor(&values, name);
                }
                ("torch._tensor", "_rebuild_from_type_v2") => {
                    (callable, arguments) = (values.first().copied(), values.get(2).copied());
                }
                _ => break,
            }
        }
        Ok(Value::Other)
    }

    /// A tensor of a storage, where it begins, its shape and its strides.
    fn tensor(&mut self, values: &[Value], function: &str) -> Result<Value, String> {
        let Some(Value::Storage(index)) = values.first() else { return Ok(Value::Other) };
        let Some(storage) = self.storages.get(*index) else { return Ok(Value::Other) };
        let parts = (size(values.get(1)), self.sizes(values.get(2)), self.sizes(values.get(3)));
        let (Some(offset), Some(shape), Some(strides)) = parts else {
            return Err(self.fault("a tensor has no shape"));
        };
        let (kind, notes) = if function == "_rebuild_tensor_v3" {
            (values.get(6), values.get(7))
        } else {
            (None, values.get(6))
        };
        let noted = |notes: &Value| match notes {
            Value::Dictionary(index) => self.dictionaries.get(*index).is_some_and(|notes| !notes.is_empty()),
            _ => false,
        };
        let format = match kind {
            // Numbers that are to be negated, or conjugated, when they are read.
            _ if notes.is_some_and(noted) => Format::Other("with a note of how to read it".into()),
            Some(Value::Global(kind)) => format_of(self.globals.get(*kind).map_or("", |(_, name)| *name)),
            Some(_) => Format::Other("not known".into()),
            None => storage.format.clone(),
        };
        // The length of a storage without a type is in bytes.
        let count = match (kind, format.bytes()) {
            (Some(_), Some(width)) => storage.count / width,
            _ => storage.count,
        };
        let view = View { storage: storage.name.clone(), count, offset, strides };
        self.tensors.push(Stored { format, shape, place: Place::View(view) });
        Ok(Value::Tensor(self.tensors.len() - 1))
    }
}

/// A size: a whole number that is not negative.
fn size(value: Option<&Value>) -> Option<usize> {
    match value {
        Some(Value::Whole(number)) => usize::try_from(*number).ok(),
        _ => None,
    }
}

/// Number format by the name of the class of a storage, or of the type of a tensor.
fn format_of(name: &str) -> Format {
    match name {
        "Double" | "float64" => Format::F64,
        "Float" | "float32" => Format::F32,
        "Half" | "float16" => Format::F16,
        "BFloat16" | "bfloat16" => Format::Bf16,
        other => Format::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pickle: &[u8]) -> Result<IndexMap<String, Stored>, String> {
        Machine::new(pickle).run()
    }

    #[test]
    fn lists_nested_a_million_deep_are_no_dictionary() {
        let depth = 1_000_000;
        let pickle = [&b"\x80\x02"[..], &vec![b']'; depth], &vec![b'a'; depth - 1], b"."].concat();
        assert!(run(&pickle).unwrap_err().contains("no dictionary"));
        let tuples = [&b"\x80\x02)"[..], &vec![0x85; depth], b"."].concat();
        assert!(run(&tuples).unwrap_err().contains("no dictionary"));
    }

    #[test]
    fn a_dictionary_within_itself_is_read() {
        assert!(run(b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.").unwrap().is_empty());
    }

    #[test]
    fn functions_are_not_called() {
        let pickle = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.";
        assert!(run(pickle).unwrap_err().contains("no dictionary"));
    }

    #[test]
    fn pickles_that_are_cut_or_wrong_are_refused() {
        for pickle in [
            &b""[..],
            b"}",
            b".",
            b"0.",
            b"u.",
            b"}(N u.",
            b"h\x07.",
            b"X\xff\xff\xff\xffa.",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.",
            b"cos\n",
            b"\xff.",
            b"\x87.",
        ] {
            assert!(run(pickle).is_err(), "{pickle:?}");
        }
    }

    #[test]
    fn whole_numbers_have_their_sign() {
        let mut machine = Machine::new(b"\x8a\x01\xff\x8a\x02\x00\x01\x8a\x00J\xfe\xff\xff\xffM\x01\x02");
        for _ in 0..5 {
            machine.step().unwrap();
        }
        let expected = [-1, 256, 0, -2, 513].map(Value::Whole);
        assert_eq!(machine.stack, expected);
    }
}
