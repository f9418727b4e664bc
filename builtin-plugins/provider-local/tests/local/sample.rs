//! Choosing the next token: greedy, tempered, cut to the likely ones.

use crate::tiny::request;
use provider_local::error::LocalError;
use provider_local::sample::Sampler;
use skynet_plugin_sdk::provider::ProviderError;

fn sampler(temperature: f64, options: &str) -> Sampler {
    let mut request = request("", Vec::new());
    request.temperature = Some(temperature);
    request.options = options.to_owned();
    Sampler::for_request(&request, &[]).unwrap()
}

fn draw(sampler: &mut Sampler, scores: &[f32], said: &[u32]) -> u32 {
    sampler.pick(&mut scores.to_vec(), said).unwrap()
}

#[test]
fn without_randomness_the_best_is_taken_even_if_it_was_just_said() {
    assert_eq!(draw(&mut sampler(0.0, "{}"), &[1.0, f32::NAN, 3.0, 2.9], &[2, 2]), 2);
}

#[test]
fn scores_that_are_no_numbers_are_an_error() {
    let error = sampler(0.0, "{}").pick(&mut [f32::NAN; 3], &[]).unwrap_err();
    assert!(matches!(error, LocalError::Compute(why) if why.contains("no score is a number")));
}

#[test]
fn draws_follow_the_probabilities_and_the_seed() {
    // At temperature 1, two scores apart by ln 3 are drawn 3 to 1.
    let scores = [3.0_f32.ln(), 0.0];
    let draws = |seed: u32| -> Vec<u32> {
        let mut sampler = sampler(1.0, &format!("{{\"seed\":{seed},\"top_p\":1}}"));
        (0..4000).map(|_| draw(&mut sampler, &scores, &[])).collect()
    };
    let first = draws(7).iter().filter(|token| **token == 0).count();
    assert!((2880..=3120).contains(&first), "{first} of 4000");
    assert_eq!(draws(7), draws(7));
    assert_ne!(draws(7), draws(8));
}

#[test]
fn without_a_seed_the_same_prompt_gets_the_same_answer() {
    let draws = |prompt: &[u32]| -> Vec<u32> {
        let mut request = request("", Vec::new());
        request.temperature = Some(1.0);
        let mut sampler = Sampler::for_request(&request, prompt).unwrap();
        (0..100).map(|_| draw(&mut sampler, &[0.0, 0.0], &[])).collect()
    };
    assert_eq!(draws(&[1, 2]), draws(&[1, 2]));
    assert_ne!(draws(&[1, 2]), draws(&[2, 1]));
}

#[test]
fn a_small_top_p_leaves_only_the_best() {
    let mut sampler = sampler(5.0, "{\"seed\":1,\"top_p\":0.001}");
    assert!((0..100).all(|_| draw(&mut sampler, &[0.0, 0.1, 0.2], &[]) == 2));
}

#[test]
fn what_was_just_said_is_drawn_less() {
    let mut sampler = sampler(0.05, "{\"seed\":1}");
    assert_eq!(draw(&mut sampler, &[5.0, 4.9], &[]), 0);
    assert_eq!(draw(&mut sampler, &[5.0, 4.9], &[0]), 1);
}

#[test]
fn senseless_settings_are_refused_as_the_requests_fault() {
    for (temperature, options) in
        [(-0.1, "{}"), (5.1, "{}"), (f64::NAN, "{}"), (f64::INFINITY, "{}"), (1.0, "{\"top_p\":0}"), (1.0, "{\"top_p\":\"x\"}")]
    {
        let mut request = request("", Vec::new());
        (request.temperature, request.options) = (Some(temperature), options.to_owned());
        let refused = Sampler::for_request(&request, &[]).err();
        assert!(matches!(refused, Some(ProviderError::InvalidRequest(_))), "{temperature} {options}");
    }
}
