//! From scores to the next token.
//!
//! Without randomness it is the best one, so that an answer can be repeated. With
//! it, one is drawn among the likely, less gladly what was just said: small models
//! run in circles otherwise.

use crate::error::LocalError;
use crate::limits::{DEFAULT_TEMPERATURE, DEFAULT_TOP_P, MAX_TEMPERATURE, REPEAT_PENALTY, REPEAT_WINDOW};
use serde_json::Value;
use skynet_plugin_sdk::provider::{CompletionRequest, ProviderError};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Scores this far below the best (in units of the temperature) are as good as
/// impossible: e to the minus 20.
const DEPTH: f32 = 20.0;

/// Draws tokens.
#[derive(Debug, Clone)]
pub struct Sampler {
    temperature: f32,
    top_p: f32,
    state: u64,
}

impl Sampler {
    /// As the request asks. `options` may hold `top_p` and `seed`; without one the same
    /// prompt gets the same answer.
    pub fn for_request(request: &CompletionRequest, prompt: &[u32]) -> Result<Self, ProviderError> {
        let options: Value = serde_json::from_str(&request.options).unwrap_or(Value::Null);
        let top_p = options.get("top_p").map_or(Some(DEFAULT_TOP_P), Value::as_f64);
        let temperature = request.temperature.unwrap_or(DEFAULT_TEMPERATURE);
        if !(0.0..=MAX_TEMPERATURE).contains(&temperature) {
            return Err(ProviderError::InvalidRequest(format!("the temperature must be from 0 to {MAX_TEMPERATURE}, not {temperature}")));
        }
        let Some(top_p) = top_p.filter(|share| *share > 0.0 && *share <= 1.0) else {
            return Err(ProviderError::InvalidRequest("`top_p` must be a number above 0 and up to 1".to_owned()));
        };
        let seed = options.get("seed").and_then(Value::as_u64).unwrap_or_else(|| seed_of(prompt));
        Ok(Self { temperature: temperature as f32, top_p: top_p as f32, state: seed })
    }

    /// The next token. `said` is the answer so far.
    pub fn pick(&mut self, scores: &mut [f32], said: &[u32]) -> Result<u32, LocalError> {
        let sampled = self.temperature > 0.0;
        if sampled {
            hold_back(scores, said);
        }
        let best = numbered(scores).max_by(|a, b| a.1.total_cmp(&b.1));
        let Some(best) = best else { return Err(LocalError::Compute("no score is a number; the model file is damaged".to_owned())) };
        if !sampled {
            return Ok(best.0);
        }
        let weight = |score: f32| ((score - best.1) / self.temperature).exp();
        let floor = best.1 - DEPTH * self.temperature;
        let mut likely: Vec<(u32, f32)> =
            numbered(scores).filter(|(_, score)| *score >= floor).map(|(token, score)| (token, weight(score))).collect();
        likely.sort_by(|a, b| b.1.total_cmp(&a.1));
        let share = self.top_p * likely.iter().map(|(_, weight)| weight).sum::<f32>();
        let mut sum = 0.0;
        let kept = likely.iter().take_while(|(_, weight)| {
            let before = sum;
            sum += weight;
            before < share
        });
        let kept: Vec<(u32, f32)> = kept.copied().collect();
        let mut point = self.uniform() * kept.iter().map(|(_, weight)| weight).sum::<f32>();
        let drawn = kept.iter().find(|(_, weight)| {
            point -= weight;
            point < 0.0
        });
        Ok(drawn.map_or(best.0, |(token, _)| *token))
    }

    /// From 0 up to, not including, 1. A step of splitmix64: even enough for this.
    fn uniform(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 40) as f32 / (1_u64 << 24) as f32
    }
}

fn numbered(scores: &[f32]) -> impl Iterator<Item = (u32, f32)> {
    (0..).zip(scores.iter().copied()).filter(|(_, score)| !score.is_nan())
}

fn hold_back(scores: &mut [f32], said: &[u32]) {
    let recent: BTreeSet<u32> = said.iter().rev().take(REPEAT_WINDOW).copied().collect();
    for token in recent {
        if let Some(score) = usize::try_from(token).ok().and_then(|token| scores.get_mut(token)) {
            *score = if *score > 0.0 { *score / REPEAT_PENALTY } else { *score * REPEAT_PENALTY };
        }
    }
}

/// One number for one prompt, the same in every run.
fn seed_of(prompt: &[u32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    prompt.hash(&mut hasher);
    hasher.finish()
}
