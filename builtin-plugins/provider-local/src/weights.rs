//! Tensors from the file, in the form that computes fast.
//!
//! candle's quantised kernels use SIMD in a component for some kinds only; the
//! others (`Q4_1` among them) run five times slower than `Q8_0`. So what has no
//! such kernel is turned into `Q8_0` while it is read, tensor by tensor, which
//! keeps all of its precision that matters. Refuses a tensor whose sizes differ
//! from what the entries say.

use crate::error::LocalError;
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{Device, Result, Tensor};
use half::f16;
use std::borrow::Cow;
use std::io::{Read, Seek};

type Loaded<T> = std::result::Result<T, LocalError>;

/// The tensors of one file.
pub(crate) struct Weights<'a, R> {
    content: &'a Content,
    reader: &'a mut R,
}

impl<'a, R: Read + Seek> Weights<'a, R> {
    pub(crate) fn new(content: &'a Content, reader: &'a mut R) -> Self {
        Self { content, reader }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// A matrix that is multiplied with.
    pub(crate) fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Loaded<QMatMul> {
        let tensor = self.read(name, &[rows, columns])?;
        let tensor = match tensor.dtype() {
            GgmlDType::Q4_0 | GgmlDType::Q8_0 | GgmlDType::Q2K | GgmlDType::Q4K | GgmlDType::Q6K => Ok(tensor),
            GgmlDType::Q4_1 => widen(&tensor),
            _ => tensor.dequantize(&Device::Cpu).and_then(|plain| QTensor::quantize(&plain, GgmlDType::Q8_0)),
        };
        tensor.and_then(QMatMul::from_qtensor).map_err(LocalError::damaged)
    }

    /// The factors of a norm.
    pub(crate) fn vector(&mut self, name: &str, length: usize) -> Loaded<Tensor> {
        self.read(name, &[length])?.dequantize(&Device::Cpu).map_err(LocalError::damaged)
    }

    fn read(&mut self, name: &str, wanted: &[usize]) -> Loaded<QTensor> {
        let Some(info) = self.content.tensor_infos.get(name) else {
            return Err(LocalError::Entry { key: name.to_owned(), reason: "is missing".to_owned() });
        };
        if info.shape.dims() != wanted {
            return Err(LocalError::Shape { name: name.to_owned(), found: info.shape.dims().to_vec(), wanted: wanted.to_vec() });
        }
        self.content.tensor(self.reader, name, &Device::Cpu).map_err(LocalError::damaged)
    }
}

/// `Q4_1` to `Q8_0`. What candle does by way of floats takes a second more per
/// completion; here each block's 16 levels are converted once.
fn widen(tensor: &QTensor) -> Result<QTensor> {
    let blocks = tensor.data()?;
    let (blocks, _) = blocks.as_chunks::<20>();
    let mut wide = Vec::with_capacity(blocks.len() * 34);
    for [step, step_high, least, least_high, codes @ ..] in blocks {
        let step = f16::from_le_bytes([*step, *step_high]).to_f32();
        let least = f16::from_le_bytes([*least, *least_high]).to_f32();
        // Rounded first, so that its own error does not add to that of the levels.
        let unit = f16::from_f32(least.abs().max((15.0 * step + least).abs()) / 127.0);
        let per_unit = if unit > f16::ZERO { 1.0 / unit.to_f32() } else { 0.0 };
        let levels: [i8; 16] = std::array::from_fn(|level| ((step * level as f32 + least) * per_unit).round_ties_even() as i8);
        let level = |code: u8| levels.get(usize::from(code & 15)).copied().unwrap_or(0).cast_unsigned();
        wide.extend(unit.to_le_bytes());
        // The low halves are the block's first 16 weights.
        wide.extend(codes.iter().map(|code| level(*code)));
        wide.extend(codes.iter().map(|code| level(code >> 4)));
    }
    QTensor::new(QStorage::from_data(Cow::Owned(wide), &Device::Cpu, GgmlDType::Q8_0)?, tensor.shape())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widened_weights_differ_from_the_exact_ones_by_less_than_half_a_step() {
        let plain = Tensor::from_iter((0..4096_u32).map(|index| (index as f32 * 0.7).sin() * (1.0 + (index / 32) as f32)), &Device::Cpu);
        let narrow = QTensor::quantize(&plain.unwrap().reshape((64, 64)).unwrap(), GgmlDType::Q4_1).unwrap();
        let values = |tensor: &QTensor| tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let wide = widen(&narrow).unwrap();
        assert_eq!((wide.dtype(), wide.shape().dims()), (GgmlDType::Q8_0, [64, 64].as_slice()));
        for (exact, near) in values(&narrow).chunks(32).zip(values(&wide).chunks(32)) {
            let most = exact.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            for (exact, near) in exact.iter().zip(near) {
                assert!((exact - near).abs() <= most / 127.0 * 0.55, "{exact} became {near} in a block up to {most}");
            }
        }
    }

    #[test]
    fn a_block_of_zeros_stays_zeros() {
        let zeros = QTensor::quantize(&Tensor::zeros((1, 32), candle_core::DType::F32, &Device::Cpu).unwrap(), GgmlDType::Q4_1).unwrap();
        let wide = widen(&zeros).unwrap().dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(wide, vec![0.0; 32]);
    }
}
