//! Tensors from the file, in the form that computes fast.
//!
//! candle's quantised kernels use SIMD in a component for some kinds only; the
//! others (`Q4_1` among them) run five times slower than `Q8_0`. So what has no
//! such kernel is turned into `Q8_0` while it is read, tensor by tensor, which
//! keeps all of its precision that matters. Refuses a tensor whose sizes differ
//! from what the entries say.

use crate::error::LocalError;
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Tensor};
use std::io::{Read, Seek};

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
    pub(crate) fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<QMatMul, LocalError> {
        let tensor = self.read(name, &[rows, columns])?;
        let tensor = if has_fast_kernel(tensor.dtype()) {
            tensor
        } else {
            let plain = tensor.dequantize(&Device::Cpu).map_err(LocalError::damaged)?;
            drop(tensor);
            QTensor::quantize(&plain, GgmlDType::Q8_0).map_err(LocalError::damaged)?
        };
        QMatMul::from_qtensor(tensor).map_err(LocalError::damaged)
    }

    /// The factors of a norm.
    pub(crate) fn vector(&mut self, name: &str, length: usize) -> Result<Tensor, LocalError> {
        self.read(name, &[length])?.dequantize(&Device::Cpu).map_err(LocalError::damaged)
    }

    fn read(&mut self, name: &str, wanted: &[usize]) -> Result<QTensor, LocalError> {
        let Some(info) = self.content.tensor_infos.get(name) else {
            return Err(LocalError::Entry { key: name.to_owned(), reason: "is missing".to_owned() });
        };
        if info.shape.dims() != wanted {
            return Err(LocalError::Shape { name: name.to_owned(), found: info.shape.dims().to_vec(), wanted: wanted.to_vec() });
        }
        self.content.tensor(self.reader, name, &Device::Cpu).map_err(LocalError::damaged)
    }
}

fn has_fast_kernel(kind: GgmlDType) -> bool {
    matches!(kind, GgmlDType::Q4_0 | GgmlDType::Q8_0 | GgmlDType::Q2K | GgmlDType::Q4K | GgmlDType::Q6K)
}
