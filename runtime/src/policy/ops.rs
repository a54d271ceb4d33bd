//! The differentiable operations of the policy: on the CPU the kernels of [`crate::kernels`] with hand-written
//! backward passes, elsewhere the compositions of [`super::composed`].

use crate::kernels::attention::{self, Heads, Rotary};
use crate::kernels::matmul::{Left, Panels, product};
use crate::kernels::{gated, logprob, norm};
use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, DType, Error, Layout, Result, Shape, Storage, Tensor,
};
use std::sync::Arc;

use super::composed;

/// True where the kernels can run: 32-bit numbers in main memory.
pub fn on_cpu(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

/// Rows of logits that exist at one time.
pub const LOGIT_ROWS: usize = 128;

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = layout
        .contiguous_offsets()
        .ok_or_else(|| Error::msg("a kernel needs contiguous numbers"))?;
    storage
        .as_slice::<f32>()?
        .get(start..end)
        .ok_or_else(|| Error::msg("a layout reaches beyond its storage"))
}

/// Calls `body` with the numbers of a tensor that lies in main memory.
pub(crate) fn with_numbers<R>(
    tensor: &Tensor,
    body: impl FnOnce(&[f32]) -> Result<R>,
) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => body(slice(storage, layout)?),
        _ => Err(Error::msg(
            "a kernel of the CPU was given a tensor of another device",
        )),
    }
}

fn tensor(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, like.shape(), like.device())
}

/// RMSNorm of each row of `x` `(T, width)`.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    if on_cpu(x) {
        x.contiguous()?
            .apply_op2(weight, RmsNorm { eps: eps as f32 })
    } else {
        composed::rms_norm(x, weight, eps)
    }
}

struct RmsNorm {
    eps: f32,
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (slice(x, lx)?, slice(w, lw)?);
        let mut out = vec![0f32; x.len()];
        norm::forward(x, w, self.eps, &mut out);
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut dx = vec![0f32; x.elem_count()];
        let mut dw = vec![0f32; w.elem_count()];
        with_numbers(x, |xs| {
            with_numbers(w, |ws| {
                with_numbers(dy, |dys| {
                    norm::backward(xs, ws, self.eps, dys, &mut dx, &mut dw);
                    Ok(())
                })
            })
        })?;
        Ok((Some(tensor(dx, x)?), Some(tensor(dw, w)?)))
    }
}

/// A weight `(out, in)` packed for both directions of [`linear`].
#[derive(Debug)]
pub struct PackedWeight {
    forward: Panels,
    backward: Panels,
}

impl PackedWeight {
    /// Packs a weight; none where the kernels do not run.
    pub fn new(weight: &Tensor) -> Result<Option<Arc<Self>>> {
        if !on_cpu(weight) {
            return Ok(None);
        }
        let (out, inner) = weight.dims2()?;
        let panels = with_numbers(weight, |values| {
            Ok(Panels::from_columns(values, inner, out).zip(Panels::from_rows(values, out, inner)))
        })?;
        let (forward, backward) =
            panels.ok_or_else(|| Error::msg("a weight has another size than its shape"))?;
        Ok(Some(Arc::new(Self { forward, backward })))
    }
}

/// `x · weight^T`, `(T, in) -> (T, out)`. `packed` must hold the same weight.
pub fn linear(x: &Tensor, weight: &Tensor, packed: Option<&Arc<PackedWeight>>) -> Result<Tensor> {
    match packed {
        Some(packed) => x.contiguous()?.apply_op2(
            weight,
            Linear {
                packed: packed.clone(),
            },
        ),
        None => x.matmul(&weight.t()?),
    }
}

struct Linear {
    packed: Arc<PackedWeight>,
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inner) = lx.shape().dims2()?;
        let panels = &self.packed.forward;
        if inner != panels.inner() {
            return Err(Error::msg("a weight and its input differ in width"));
        }
        let mut out = vec![0f32; rows * panels.columns()];
        product(Left::Rows(slice(x, lx)?), rows, panels, &mut out, false);
        Ok((CpuStorage::F32(out), Shape::from((rows, panels.columns()))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (rows, inner) = x.dims2()?;
        let out = self.packed.backward.inner();
        let mut dx = vec![0f32; rows * inner];
        let mut dw = vec![0f32; out * inner];
        with_numbers(dy, |dy| {
            product(Left::Rows(dy), rows, &self.packed.backward, &mut dx, false);
            with_numbers(x, |x| {
                let x = Panels::from_rows(x, rows, inner)
                    .ok_or_else(|| Error::msg("an input lost its shape"))?;
                product(Left::Transposed(dy), out, &x, &mut dw, false);
                Ok(())
            })
        })?;
        Ok((Some(tensor(dx, x)?), Some(tensor(dw, w)?)))
    }
}

/// `silu(gate) * up`.
pub fn gated_unit(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if on_cpu(gate) {
        gate.contiguous()?.apply_op2(&up.contiguous()?, GatedUnit)
    } else {
        composed::gated_unit(gate, up)
    }
}

struct GatedUnit;

impl CustomOp2 for GatedUnit {
    fn name(&self) -> &'static str {
        "gated-unit"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (slice(a, la)?, slice(b, lb)?);
        let mut out = vec![0f32; gate.len()];
        gated::forward(gate, up, &mut out);
        Ok((CpuStorage::F32(out), la.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut d_gate = vec![0f32; gate.elem_count()];
        let mut d_up = vec![0f32; up.elem_count()];
        with_numbers(gate, |g| {
            with_numbers(up, |u| {
                with_numbers(dy, |dy| {
                    gated::backward(g, u, dy, &mut d_gate, &mut d_up);
                    Ok(())
                })
            })
        })?;
        Ok((Some(tensor(d_gate, gate)?), Some(tensor(d_up, up)?)))
    }
}

/// What attention needs beside its inputs.
#[derive(Debug, Clone)]
pub struct AttentionPlan {
    /// Sizes.
    pub heads: Heads,
    /// Starts of the sequences and the end of the last.
    pub segments: Arc<[usize]>,
    /// Rotary tables that reach the longest sequence.
    pub rotary: Arc<Rotary>,
}

impl AttentionPlan {
    fn check(&self, rows: usize) -> Result<()> {
        let ordered = self.segments.windows(2).all(|span| span[0] <= span[1]);
        let longest = self
            .segments
            .windows(2)
            .map(|span| span[1].saturating_sub(span[0]))
            .max()
            .unwrap_or(0);
        if !ordered || self.segments.first() != Some(&0) || self.segments.last() != Some(&rows) {
            return Err(Error::msg("the segments of a pack do not cover its rows"));
        }
        if longest > self.rotary.positions() {
            return Err(Error::msg("a sequence is longer than the rotary tables"));
        }
        Ok(())
    }
}

/// Causal attention within each segment, rotary positions inside: `q` `(T, heads * head_width)`, `k`, `v`
/// `(T, kv_heads * head_width)` to `(T, heads * head_width)`.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, plan: &AttentionPlan) -> Result<Tensor> {
    plan.check(q.dim(0)?)?;
    if on_cpu(q) {
        q.contiguous()?.apply_op3(
            &k.contiguous()?,
            &v.contiguous()?,
            Attention { plan: plan.clone() },
        )
    } else {
        composed::attention(q, k, v, plan)
    }
}

struct Attention {
    plan: AttentionPlan,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "packed-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        lq: &Layout,
        k: &CpuStorage,
        lk: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let AttentionPlan {
            heads,
            segments,
            rotary,
        } = &self.plan;
        let (q, k, v) = (slice(q, lq)?, slice(k, lk)?, slice(v, lv)?);
        let rows = lq.shape().dims2()?.0;
        if q.len() != rows * heads.query_width()
            || [k.len(), v.len()] != [rows * heads.kv_width(); 2]
        {
            return Err(Error::msg("queries, keys and values do not fit the heads"));
        }
        let mut out = vec![0f32; q.len()];
        attention::forward(q, k, v, segments, *heads, rotary, &mut out);
        Ok((CpuStorage::F32(out), lq.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let AttentionPlan {
            heads,
            segments,
            rotary,
        } = &self.plan;
        let mut dq = vec![0f32; q.elem_count()];
        let mut dk = vec![0f32; k.elem_count()];
        let mut dv = vec![0f32; v.elem_count()];
        with_numbers(q, |q| {
            with_numbers(k, |k| {
                with_numbers(v, |v| {
                    with_numbers(dy, |dy| {
                        attention::backward(
                            q, k, v, segments, *heads, rotary, dy, &mut dq, &mut dk, &mut dv,
                        );
                        Ok(())
                    })
                })
            })
        })?;
        Ok((
            Some(tensor(dq, q)?),
            Some(tensor(dk, k)?),
            Some(tensor(dv, v)?),
        ))
    }
}

/// Log-probability of `tokens[i]` and entropy in row `i` of `hidden · head^T / temperature`: `(R, width) -> (R, 2)`.
/// The logits exist for [`LOGIT_ROWS`] rows at a time and never enter the graph; the backward pass makes them again.
pub fn logp_entropy(
    hidden: &Tensor,
    head: &Tensor,
    packed: Option<&Arc<PackedWeight>>,
    tokens: Arc<[u32]>,
    temperature: f64,
) -> Result<Tensor> {
    if tokens.len() != hidden.dim(0)? {
        return Err(Error::msg(
            "one token per row of the hidden states is needed",
        ));
    }
    match packed {
        Some(packed) => hidden.contiguous()?.apply_op2(
            head,
            LogpEntropy {
                packed: packed.clone(),
                tokens,
                temperature,
            },
        ),
        None => composed::logp_entropy(hidden, head, &tokens, temperature),
    }
}

struct LogpEntropy {
    packed: Arc<PackedWeight>,
    tokens: Arc<[u32]>,
    temperature: f64,
}

impl CustomOp2 for LogpEntropy {
    fn name(&self) -> &'static str {
        "logp-entropy"
    }

    fn cpu_fwd(
        &self,
        h: &CpuStorage,
        lh: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = lh.shape().dims2()?;
        let panels = &self.packed.forward;
        let vocab = panels.columns();
        if width != panels.inner() {
            return Err(Error::msg("the head and the hidden states differ in width"));
        }
        let mut out = Vec::with_capacity(rows * 2);
        let mut logits = vec![0f32; LOGIT_ROWS.min(rows) * vocab];
        let mut said = vec![
            logprob::RowStatistics {
                logp: 0.0,
                entropy: 0.0
            };
            LOGIT_ROWS.min(rows)
        ];
        for (hidden, tokens) in slice(h, lh)?
            .chunks((LOGIT_ROWS * width).max(1))
            .zip(self.tokens.chunks(LOGIT_ROWS))
        {
            let (logits, said) = (
                &mut logits[..tokens.len() * vocab],
                &mut said[..tokens.len()],
            );
            product(Left::Rows(hidden), tokens.len(), panels, logits, false);
            logprob::statistics(logits, vocab, self.temperature, tokens, said);
            out.extend(said.iter().flat_map(|said| [said.logp, said.entropy]));
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, 2))))
    }

    fn bwd(
        &self,
        hidden: &Tensor,
        head: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (rows, width) = hidden.dims2()?;
        let vocab = self.packed.forward.columns();
        let mut d_hidden = vec![0f32; rows * width];
        let mut d_head = vec![0f32; vocab * width];
        let mut logits = vec![0f32; LOGIT_ROWS.min(rows) * vocab];
        with_numbers(hidden, |hidden| {
            with_numbers(dy, |dy| {
                let (derivatives, _) = dy.as_chunks::<2>();
                let chunks = hidden
                    .chunks((LOGIT_ROWS * width).max(1))
                    .zip(d_hidden.chunks_mut((LOGIT_ROWS * width).max(1)));
                let chunks = chunks.zip(
                    self.tokens
                        .chunks(LOGIT_ROWS)
                        .zip(derivatives.chunks(LOGIT_ROWS)),
                );
                for ((hidden, d_hidden), (tokens, derivatives)) in chunks {
                    let n = tokens.len();
                    let logits = &mut logits[..n * vocab];
                    product(Left::Rows(hidden), n, &self.packed.forward, logits, false);
                    logprob::backward(logits, vocab, self.temperature, tokens, derivatives);
                    product(
                        Left::Rows(logits),
                        n,
                        &self.packed.backward,
                        d_hidden,
                        false,
                    );
                    let hidden = Panels::from_rows(hidden, n, width)
                        .ok_or_else(|| Error::msg("hidden states lost their shape"))?;
                    product(Left::Transposed(logits), vocab, &hidden, &mut d_head, true);
                }
                Ok(())
            })
        })?;
        Ok((Some(tensor(d_hidden, hidden)?), Some(tensor(d_head, head)?)))
    }
}
