//! Keras's `SpectralNormalization`: a layer whose kernel is divided by its largest singular value in training.

use super::{
    DynamicLayer,
    flow::Flow,
    op::OneToOne,
    options::Options,
    weights::{Role, Weights},
    words::refused,
    wrap::wraps,
};
use crate::{
    backend::to_values,
    error::Error,
    fields::{AnySignal, Initializer},
    parameters::{Parameter, Parameters, Visitor, forwards},
    regularizers::Rule,
};
use dfdx::tensor::Cpu;

const KERNEL: &str = "kernel";

/// The vector from which the next iterations go on.
const VECTOR: &str = "vector_u";

/// How many values the iterations of a step may go over: about a minute.
const MOST: usize = 1 << 36;

/// Keras's layers that have a kernel. Of an `Embedding` it would make whole numbers, of the type of the ids.
const WITH_KERNEL: [&str; 10] = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "EinsumDense",
];

#[derive(Debug, Clone)]
pub(crate) struct Spectral {
    layer: DynamicLayer,
    iterations: usize,
    weights: Weights,
}

impl Spectral {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let layer = options.layer("layer")?;
        if !WITH_KERNEL.contains(&layer.class()) {
            let expected = "a layer with a kernel is needed, such as Dense or Conv2D";
            return Err(options.misfit("layer", expected, &layer.class().into()));
        }
        let iterations = options.size("power_iterations")?;
        Ok(Self { layer, iterations, weights: Weights::default() })
    }

    /// Divides the kernel by its largest singular value, as far as the iterations have found that.
    fn normalize(&mut self) -> Result<(), Error> {
        let mut u = to_values(&self.weights.flat(VECTOR)?)?;
        let iterations = self.iterations;
        each_kernel(&mut self.layer, &mut |kernel| {
            let mut values = kernel.tensor.to_vec()?;
            if let Some((next, largest)) = largest(&values, &u, iterations) {
                values.iter_mut().for_each(|value| *value = (f64::from(*value) / largest) as f32);
                kernel.tensor.assign(&values)?;
                u = next;
            }
            Ok(())
        })?;
        self.weights.set(VECTOR, &u);
        Ok(())
    }
}

/// Calls a function for the kernel of a layer.
fn each_kernel(
    layer: &mut DynamicLayer,
    call: &mut dyn FnMut(Parameter<'_, f32, Cpu>) -> Result<(), Error>,
) -> Result<(), Error> {
    struct Kernel<'a>(&'a mut dyn FnMut(Parameter<'_, f32, Cpu>) -> Result<(), Error>);

    impl Visitor<f32, Cpu> for Kernel<'_> {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            if parameter.name == KERNEL { (self.0)(parameter) } else { Ok(()) }
        }
    }

    layer.visit(&mut Kernel(call))
}

/// A vector with the length 1, unless it is nearly nothing.
fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let squares: f64 = vector.iter().map(|x| x * x).sum();
    let factor = (1.0 / squares.sqrt()).min(1e7);
    vector.iter_mut().for_each(|x| *x *= factor);
    vector
}

/// The vector behind some iterations, and the singular value that they find. `None` of a kernel of zeros, or where nothing is
/// found that could be divided by.
fn largest(kernel: &[f32], u: &[f32], iterations: usize) -> Option<(Vec<f32>, f64)> {
    let columns = u.len();
    let mut u: Vec<f64> = u.iter().copied().map(f64::from).collect();
    let mut largest = 0.0;
    for _ in 0..iterations {
        let dot = |row: &[f32]| row.iter().zip(&u).map(|(&w, u)| f64::from(w) * u).sum::<f64>();
        let v = unit(kernel.chunks_exact(columns).map(dot).collect());
        let mut product = vec![0.0; columns];
        for (row, v) in kernel.chunks_exact(columns).zip(v) {
            product.iter_mut().zip(row).for_each(|(sum, &w)| *sum += f64::from(w) * v);
        }
        u = unit(product.clone());
        largest = product.iter().zip(&u).map(|(a, b)| a * b).sum();
    }
    let u = u.into_iter().map(|u| u as f32).collect();
    (largest > 0.0).then_some((u, largest))
}

impl OneToOne for Spectral {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        self.layer.gives(arrives)
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        self.layer.build_inside(dev, prefix, std::slice::from_ref(arrives))?;
        let (mut count, mut columns) = (0_usize, 0);
        each_kernel(&mut self.layer, &mut |kernel| {
            count = kernel.tensor.len();
            columns = kernel.sizes().last().copied().unwrap_or(0);
            Ok(())
        })?;
        if count.checked_mul(self.iterations).is_none_or(|n| n > MOST) {
            let n = self.iterations;
            return Err(refused(format!(
                "{n} iterations over a kernel of {count} values are too many"
            )));
        }
        let how = Initializer::Normal { mean: 0.0, std: 0.02, cut: true };
        self.weights = Weights::draw(dev, &[(VECTOR, &[1, columns], how, Role::Statistic)])?;
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        self.layer.apply(x)
    }

    /// As Keras does on TensorFlow and on PyTorch: the kernel becomes the normalised one, and is trained as that.
    fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        self.normalize()?;
        self.layer.train(x)
    }

    /// In Keras's order, the vector stands behind the kernel.
    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        struct Behind<'a> {
            visitor: &'a mut dyn Visitor<f32, Cpu>,
            weights: &'a mut Weights,
        }

        impl Behind<'_> {
            fn after(&mut self, is_kernel: bool) -> Result<(), Error> {
                if is_kernel { self.weights.visit(self.visitor) } else { Ok(()) }
            }
        }

        impl Visitor<f32, Cpu> for Behind<'_> {
            fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
                let is_kernel = parameter.name == KERNEL;
                self.visitor.visit(parameter)?;
                self.after(is_kernel)
            }

            fn visit_ruled(
                &mut self,
                parameter: Parameter<'_, f32, Cpu>,
                rule: &Rule<'_>,
            ) -> Result<(), Error> {
                let is_kernel = parameter.name == KERNEL;
                self.visitor.visit_ruled(parameter, rule)?;
                self.after(is_kernel)
            }

            forwards!(visitor, f32, Cpu);
        }

        self.layer.visit(&mut Behind { visitor, weights: &mut self.weights })
    }

    wraps!();
}
