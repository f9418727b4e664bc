//! What loops do: the mix of instructions by which programs that mine coins show.
//!
//! Programs that only hash or encipher look the same, so this is a question and never
//! an answer.

use crate::finding::Finding;
use crate::limits::{LOOP_OPERATORS, MIXING_PERCENT};
use crate::review::finding;
use crate::rules;
use wasmparser::{FunctionBody, Operator};

/// Looks at all functions together.
pub(crate) fn look(functions: &[FunctionBody<'_>]) -> Option<Finding> {
    let (mut mixing, mut all) = (0u64, 0u64);
    for body in functions {
        let (turned, counted) = mix(body).unwrap_or_default();
        mixing = mixing.saturating_add(turned);
        all = all.saturating_add(counted);
    }
    let percent = mixing.saturating_mul(100).checked_div(all)?;
    let what = format!("{percent} % of {all} instructions inside loops");
    (all >= LOOP_OPERATORS && percent >= MIXING_PERCENT).then(|| finding(rules::MINER_LOOK, "component", &what))
}

/// Instructions inside loops that turn bits around, and all of them.
fn mix(body: &FunctionBody<'_>) -> Option<(u64, u64)> {
    let mut reader = body.get_operators_reader().ok()?;
    let (mut mixing, mut all) = (0u64, 0u64);
    // For each open block, whether it or one around it is a loop.
    let mut blocks = Vec::new();
    while !reader.eof() {
        let operator = reader.read().ok()?;
        let inside = blocks.last().copied().unwrap_or(false);
        match operator {
            Operator::Loop { .. } => blocks.push(true),
            Operator::Block { .. } | Operator::If { .. } => blocks.push(inside),
            Operator::End => {
                blocks.pop();
            }
            // What only moves values says nothing of what is computed.
            Operator::LocalGet { .. }
            | Operator::LocalSet { .. }
            | Operator::LocalTee { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. } => {}
            other if inside => {
                all += 1;
                mixing += u64::from(turns_bits(&other));
            }
            _ => {}
        }
    }
    Some((mixing, all))
}

fn turns_bits(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32Xor
            | Operator::I64Xor
            | Operator::I32Rotl
            | Operator::I64Rotl
            | Operator::I32Rotr
            | Operator::I64Rotr
            | Operator::I32Shl
            | Operator::I64Shl
            | Operator::I32ShrU
            | Operator::I64ShrU
            | Operator::V128Xor
            | Operator::I32x4Shl
            | Operator::I32x4ShrU
            | Operator::I64x2Shl
            | Operator::I64x2ShrU
    )
}
