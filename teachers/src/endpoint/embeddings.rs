//! Requests to `embeddings`, and the vectors that come back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::answer::{EndpointAnswer, EndpointInput, TokenCount};
use super::chat::reckon_tokens;
use super::failure::Failure;
use super::response::{EmbeddingResponse, EmbeddingValues};
use super::template::Template;

/// What an embedding model is asked.
#[derive(Debug, Clone)]
pub(crate) struct Embeddings {
    pub(crate) model: String,
    pub(crate) template: Template,
    pub(crate) extra: Map<String, Value>,
}

impl Embeddings {
    /// The text that is sent for an input.
    pub(crate) fn text(&self, input: &EndpointInput) -> String {
        self.template.render(input, "")
    }

    /// Tokens of inputs, roughly.
    pub(crate) fn reckon(&self, inputs: &[&EndpointInput]) -> TokenCount {
        let prompt: usize = inputs.iter().map(|input| reckon_tokens(&self.text(input))).sum();
        TokenCount { prompt: prompt as u64, completion: 0 }
    }

    /// The body of a request for a batch of inputs.
    pub(crate) fn body(&self, inputs: &[&EndpointInput]) -> Value {
        let texts: Vec<String> = inputs.iter().map(|input| self.text(input)).collect();
        let mut body = Map::new();
        body.insert("model".into(), json!(self.model));
        body.insert("input".into(), json!(texts));
        body.extend(self.extra.clone());
        Value::Object(body)
    }
}

/// The vectors of a body, one for each input, in the order of `index`. One that holds infinity or NaN is no vector.
///
/// # Errors
/// When there are not as many as inputs, their indices are not those of the inputs, or one is no list of numbers.
pub(crate) fn vectors(response: EmbeddingResponse, inputs: usize) -> Result<Vec<Option<Vec<f32>>>, Failure> {
    if response.data.len() != inputs {
        return Err(Failure::transient(format!(
            "the answer has {} embeddings for {inputs} texts",
            response.data.len()
        )));
    }
    let mut vectors: Vec<Option<Option<Vec<f32>>>> = vec![None; inputs];
    for (place, item) in response.data.into_iter().enumerate() {
        let index = item.index.map_or(place, |index| usize::try_from(index).unwrap_or(usize::MAX));
        let slot = vectors.get_mut(index).filter(|slot| slot.is_none()).ok_or_else(|| {
            Failure::transient(format!(
                "the `index` of embedding {place} is {index}, out of its range or taken"
            ))
        })?;
        let values: Vec<Option<f32>> = match item.embedding {
            EmbeddingValues::Floats(values) => values,
            EmbeddingValues::Base64(text) => decode(&text)?.into_iter().map(Some).collect(),
        };
        if values.is_empty() {
            return Err(Failure::transient(format!("embedding {index} is empty")));
        }
        let finite = values.into_iter().map(|value| value.filter(|value| value.is_finite()));
        *slot = Some(finite.collect());
    }
    Ok(vectors.into_iter().map(Option::flatten).collect())
}

/// Numbers of 32 bits, little-endian, in Base64.
fn decode(text: &str) -> Result<Vec<f32>, Failure> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len().is_multiple_of(size_of::<f32>()));
    let bytes = bytes.ok_or_else(|| Failure::transient("an embedding is no Base64 of numbers of 32 bits"))?;
    let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Ok(bytes.chunks_exact(size_of::<f32>()).map(number).collect())
}

/// The answer that a vector is.
pub(crate) fn answer(
    input: &EndpointInput,
    vector: Option<Vec<f32>>,
    tokens: Option<TokenCount>,
) -> EndpointAnswer {
    match vector {
        None => EndpointAnswer::failed(input, "the embedding holds infinity or NaN"),
        vector => EndpointAnswer { vector, tokens, ..EndpointAnswer::to(input) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value, inputs: usize) -> Result<Vec<Option<Vec<f32>>>, Failure> {
        vectors(serde_json::from_value(body).unwrap(), inputs)
    }

    #[test]
    fn vectors_are_in_the_order_of_their_index() {
        let base64 =
            STANDARD.encode([1.5_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
        let body = json!({"data": [{"index": 1, "embedding": [3, 0.25]}, {"index": 0, "embedding": base64}]});
        assert_eq!(read(body, 2).unwrap(), [Some(vec![1.5, -2.0]), Some(vec![3.0, 0.25])]);
        let body = json!({"data": [{"embedding": [1]}, {"embedding": [2]}]});
        assert_eq!(read(body, 2).unwrap(), [Some(vec![1.0]), Some(vec![2.0])]);
    }

    #[test]
    fn vectors_with_nan_or_infinity_are_none() {
        let body = json!({"data": [{"embedding": [1, null]}, {"embedding": [1e39]}, {"embedding": [2]}]});
        assert_eq!(read(body, 3).unwrap(), [None, None, Some(vec![2.0])]);
        let nan = STANDARD.encode(f32::NAN.to_le_bytes());
        assert_eq!(read(json!({"data": [{"embedding": nan}]}), 1).unwrap(), [None]);
    }

    #[test]
    fn counts_and_indices_that_do_not_match_are_faults() {
        for (body, said) in [
            (json!({"data": [{"embedding": [1]}]}), "1 embeddings for 2 texts"),
            (json!({"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}), "`index`"),
            (json!({"data": [{"index": 2, "embedding": [1]}, {"index": 0, "embedding": [1]}]}), "`index`"),
            (json!({"data": [{"embedding": []}, {"embedding": [1]}]}), "empty"),
            (json!({"data": [{"embedding": "AAA="}, {"embedding": [1]}]}), "Base64"),
        ] {
            let Err(Failure::Transient { message, .. }) = read(body, 2) else { panic!("{said}") };
            assert!(message.contains(said), "{message}");
        }
    }
}
