//! Recurrent layers for which there is no kernel, in plain operations.

use dfdx::{
    prelude::{HasShape, PermuteTo, ReshapeTo, SelectTo, TryAdd, TryMul, TryStack},
    shapes::{Axes3, Shape},
    tensor::{Cpu, PutTape, SplitTape, Tensor, TensorFrom, TensorFromVec, ZerosTensor},
};

use super::{Cell, Recurrent, Steps};
use crate::{
    backend::{Backend, DenseWeights, Finish, IntoShape, Prepared, choose_rows},
    dynamic::{
        custom::ActivationFunction,
        flow::Rows,
        op::{Flat, Pass},
    },
    error::{Error, OrDevice},
    layers::select,
    signal::Mask,
};

/// The tape that all operations of a walk are on.
struct OnTape<T>(T);

impl<T: Pass> OnTape<T> {
    fn run<S: Shape>(
        &mut self,
        operation: impl FnOnce(T) -> Result<Tensor<S, f32, Cpu, T>, Error>,
    ) -> Result<Tensor<S, f32, Cpu>, Error> {
        let (y, tape) = operation(std::mem::take(&mut self.0))?.split_tape();
        self.0 = tape;
        Ok(y)
    }

    fn add(&mut self, a: &Rows, b: &Rows) -> Result<Rows, Error> {
        self.run(|tape| a.clone().put_tape(tape).try_add(b.clone()).or_device())
    }

    fn mul(&mut self, a: &Rows, b: &Rows) -> Result<Rows, Error> {
        self.run(|tape| a.clone().put_tape(tape).try_mul(b.clone()).or_device())
    }

    fn apply(&mut self, function: &ActivationFunction, x: &Rows) -> Result<Rows, Error> {
        self.run(|tape| function.apply(x.clone().put_tape(tape)))
    }

    fn choose(&mut self, keep: &[bool], a: &Rows, b: &Rows) -> Result<Rows, Error> {
        self.run(|tape| choose_rows(a.clone().put_tape(tape), keep, b.retaped()))
    }

    fn product(&mut self, x: &Rows, by: &Product<'_>) -> Result<Rows, Error> {
        let (kernel, bias) = (by.kernel.clone(), by.bias.clone());
        let weights = DenseWeights { kernel, bias, prepared: by.prepared };
        self.run(|tape| Cpu::dense(x.clone().put_tape(tape), weights, Finish::Nothing))
    }

    /// The columns in equal parts: what belongs to each gate.
    fn parts(&mut self, x: &Rows, count: usize) -> Result<Vec<Rows>, Error> {
        let (rows, width) = *x.shape();
        let x = x.clone().into_shape(&(rows, count, width / count))?;
        let part = |part: usize| {
            let part = Cpu::default().try_tensor_from_vec(vec![part; rows], (rows,)).or_device()?;
            self.run(|tape| x.clone().put_tape(tape).try_select(part).or_device())
        };
        (0..count).map(part).collect()
    }
}

/// A product with a kernel, to which a bias is added.
struct Product<'a> {
    kernel: Rows,
    bias: Flat,
    prepared: &'a Prepared,
}

impl Recurrent {
    /// The outputs of all steps, if they are wanted, else the last. There is a step.
    pub(super) fn walk<T: Pass>(
        &self,
        x: Steps<T>,
        mask: Option<&Mask>,
        drop: f64,
    ) -> Result<Rows<T>, Error> {
        let ((batch, length, inputs), units) = (*x.shape(), self.units);
        let (width, dev) = (self.cell.gates() * units, Cpu::default());
        let (x, tape) = x.split_tape();
        let mut tape = OnTape(tape);
        let kernel = self.weights.matrix("kernel", width)?;
        let recurrent = self.weights.matrix("recurrent_kernel", width)?;
        let zeros = |size: usize| dev.try_zeros_like(&(size,)).or_device();
        let mut biases = match self.reset_after {
            false => vec![self.weights.flat("bias")?, zeros(width)?],
            true => {
                let both = self.weights.matrix("bias", 2 * width)?;
                let both = tape.parts(&both, 2)?.into_iter();
                both.map(|bias| bias.into_shape(&(width,))).collect::<Result<_, _>>()?
            }
        };

        // Of all steps in one product; then one step behind the other.
        let [of_input, of_state] = &self.prepared;
        let by = Product { kernel, bias: biases.swap_remove(0), prepared: of_input };
        let projected = tape.product(&x.into_shape(&(batch * length, inputs))?, &by)?;
        let by_time = (0..length).flat_map(|t| (0..batch).map(move |row| row * length + t));
        let by_time: Vec<usize> = by_time.collect();
        let projected = tape.run(|tape| select(projected.put_tape(tape), &by_time))?;
        let projected = projected.into_shape(&(length, batch, width))?;

        let (bias, apart) = (biases.swap_remove(0), Prepared::default());
        let by = match self.cell == Cell::Gru && !self.reset_after {
            false => vec![Product { kernel: recurrent, bias, prepared: of_state }],
            // The third is applied to what the reset gate leaves of the state.
            true => {
                let kernels = tape.parts(&recurrent, 3)?.into_iter();
                let by = |kernel| Ok(Product { kernel, bias: zeros(units)?, prepared: &apart });
                kernels.map(by).collect::<Result<_, Error>>()?
            }
        };
        let dropped = self.dropped((batch, units), drop)?;
        let start = || dev.try_zeros_like(&(batch, units)).or_device();
        let (mut h, mut c, mut outputs) = (start()?, start()?, Vec::with_capacity(length));
        for time in 0..length {
            let place = dev.tensor(time);
            let x =
                tape.run(|tape| projected.clone().put_tape(tape).try_select(place).or_device())?;
            let seen = match &dropped {
                Some(dropped) => tape.mul(&h, dropped)?,
                None => h.clone(),
            };
            let (mut new_h, mut new_c) = self.step(&mut tape, &x, [&h, &seen, &c], &by)?;
            if let Some(mask) = mask {
                let keep: Vec<bool> = (0..batch).map(|row| mask.row(row)[time]).collect();
                new_h = tape.choose(&keep, &new_h, &h)?;
                if self.cell == Cell::Lstm {
                    new_c = tape.choose(&keep, &new_c, &c)?;
                }
            }
            (h, c) = (new_h, new_c);
            if self.sequences {
                outputs.push(h.retaped::<T>());
            }
        }
        if !self.sequences {
            return Ok(h.put_tape(tape.0));
        }
        outputs[0] = outputs[0].retaped::<dfdx::tensor::NoneTape>().put_tape(tape.0);
        let stacked = outputs.try_stack().or_device()?;
        let y: Steps<T> = stacked.try_permute::<_, Axes3<1, 0, 2>>().or_device()?;
        y.try_contiguous().or_device()?.into_shape(&(batch * length, units))
    }

    /// From the input of all gates and the state, and what of it does not drop, to the next state.
    fn step<T: Pass>(
        &self,
        tape: &mut OnTape<T>,
        x: &Rows,
        [h, seen, c]: [&Rows; 3],
        by: &[Product<'_>],
    ) -> Result<(Rows, Rows), Error> {
        let (activation, gate) = (&self.activation, &self.gate);
        let z = tape.product(seen, &by[0])?;
        match self.cell {
            Cell::Simple => {
                let z = tape.add(x, &z)?;
                Ok((tape.apply(activation, &z)?, c.clone()))
            }
            Cell::Lstm => {
                let z = tape.add(x, &z)?;
                let z = tape.parts(&z, 4)?;
                let (input, forget) = (tape.apply(gate, &z[0])?, tape.apply(gate, &z[1])?);
                let (new, output) = (tape.apply(activation, &z[2])?, tape.apply(gate, &z[3])?);
                let (kept, new) = (tape.mul(&forget, c)?, tape.mul(&input, &new)?);
                let c = tape.add(&kept, &new)?;
                let squashed = tape.apply(activation, &c)?;
                Ok((tape.mul(&squashed, &output)?, c))
            }
            Cell::Gru => {
                let x = tape.parts(x, 3)?;
                let z = match by {
                    [_] => tape.parts(&z, 3)?,
                    _ => vec![z, tape.product(seen, &by[1])?],
                };
                let (update, reset) = (tape.add(&x[0], &z[0])?, tape.add(&x[1], &z[1])?);
                let (update, reset) = (tape.apply(gate, &update)?, tape.apply(gate, &reset)?);
                let inner = match by.get(2) {
                    None => tape.mul(&reset, &z[2])?,
                    Some(by) => {
                        let left = tape.mul(&reset, seen)?;
                        tape.product(&left, by)?
                    }
                };
                let new = tape.add(&x[2], &inner)?;
                let new = tape.apply(activation, &new)?;
                let rest = tape.run(|tape| {
                    let opposite = update.clone().put_tape(tape).try_mul(-1.0).or_device()?;
                    opposite.try_add(1.0).or_device()
                })?;
                let (kept, new) = (tape.mul(&update, h)?, tape.mul(&rest, &new)?);
                Ok((tape.add(&kept, &new)?, c.clone()))
            }
        }
    }
}
