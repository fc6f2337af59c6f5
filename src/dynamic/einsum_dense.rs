use dfdx::{shapes::HasShape, tensor::Cpu};
use serde_json::Value;

use super::{
    einsum::{Equation, size},
    flow::{Flow, Numbers},
    functions::FoundFunction,
    merge::{Merging, merged},
    op::OneToOne,
    options::Options,
    places::stretched,
    visit,
    weights::{Role, Weights},
    words::{self, refused},
};
use crate::{
    backend::{Backend, IntoShape, Recorder, WeightCache, memory::elements},
    error::Error,
    fields::{AnySignal, Initializer},
};

/// Keras's `EinsumDense`: the product of what arrives and a kernel, whose dimensions have letters.
#[derive(Debug, Clone)]
pub(crate) struct EinsumDense {
    equation: String,
    /// The sizes behind the batch, but those of an ellipsis.
    output: Vec<Option<usize>>,
    bias_axes: Option<String>,
    activation: FoundFunction,
    hows: [Initializer; 2],
    /// The sizes of the kernel, once it is there.
    kernel: Option<Vec<usize>>,
    weights: Weights,
    cache: WeightCache,
}

/// An equation for what arrives.
struct Plan {
    equation: Equation,
    gives: Vec<Option<usize>>,
    kernel: Vec<Option<usize>>,
    bias: Option<Vec<Option<usize>>>,
}

impl EinsumDense {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let value = options.value("output_shape");
        let size = |value: &Value| match value {
            Value::Null => Some(None),
            one => crate::fields::whole(one).and_then(|n| usize::try_from(n).ok()).map(Some),
        };
        let output: Option<Vec<_>> = match value {
            Value::Array(list) => list.iter().map(size).collect(),
            Value::Null => None,
            one => size(one).map(|one| vec![one]),
        };
        let needed = || options.misfit("output_shape", "a list of sizes is needed", value);
        let output = output.ok_or_else(needed)?;
        let axes = options.value("bias_axes");
        let bias_axes = match axes {
            Value::Null => None,
            Value::String(axes) if !axes.is_empty() => Some(axes.clone()),
            _ => return Err(options.misfit("bias_axes", "letters of axes are needed", axes)),
        };
        let equation = options.text("equation")?;
        if !is_dense(&equation) {
            let needed = "`X,Y->Z`, `...X,Y->...Z` or `X...,Y->Z...` is needed";
            return Err(options.misfit("equation", needed, &equation.into()));
        }
        Ok(Self {
            equation,
            output,
            bias_axes,
            activation: options.activation("activation")?,
            hows: [
                options.initializer("kernel_initializer")?,
                options.initializer("bias_initializer")?,
            ],
            kernel: None,
            weights: Weights::default(),
            cache: WeightCache::default(),
        })
    }

    fn plan(&self, arrives: &[Option<usize>]) -> Result<Plan, Error> {
        let (letters, left) = (self.letters(), self.equation.starts_with("..."));
        let equation = Equation::read(&self.equation, &[arrives.len(), letters.len()])?;
        let elided = equation.inputs[0].len() - named(&self.equation, 0).len();
        // What is said of the output stands behind the batch, and beside what an ellipsis leaves as it is.
        let front = if left { elided.max(1) } else { 1 };
        let behind = if left { 0 } else { elided };
        let more = equation.output.len().saturating_sub(front + behind);
        if self.output.len() != more {
            return Err(refused(format!(
                "`output_shape` says {} sizes, but `{}` needs {more}",
                self.output.len(),
                self.equation
            )));
        }
        let output = [vec![None; front], self.output.clone(), vec![None; behind]].concat();
        let mut known = Vec::new();
        for (&letter, &size) in equation.inputs[0].iter().zip(arrives) {
            known.push((letter, size));
        }
        for (&letter, said) in equation.output.iter().zip(output) {
            match known.iter_mut().find(|(other, _)| *other == letter) {
                None => known.push((letter, said)),
                Some((_, size)) => match (*size, said) {
                    (Some(a), Some(b)) if a != b => {
                        return Err(refused(format!(
                            "`{letter}` of `{}` is {a} values long, and {b} in `output_shape`",
                            self.equation
                        )));
                    }
                    (found, said) => *size = found.or(said),
                },
            }
        }
        let kernel = equation.inputs[1].iter().map(|&letter| size(&known, letter).flatten());
        let kernel: Vec<Option<usize>> = kernel.collect();
        let gives = equation.gives(&[arrives, &kernel])?;
        let bias = self.bias_axes.as_ref().map(|axes| self.bias(axes, &equation, &gives));
        Ok(Plan { bias: bias.transpose()?, equation, gives, kernel })
    }

    /// The sizes of the bias, from its first axis on.
    fn bias(
        &self,
        axes: &str,
        equation: &Equation,
        gives: &[Option<usize>],
    ) -> Result<Vec<Option<usize>>, Error> {
        if let Some(other) = axes.chars().find(|c| !c.is_ascii() || !equation.output.contains(c)) {
            return Err(refused(format!("`{}` gives no `{other}` to add to", self.equation)));
        }
        let each = equation.output.iter().zip(gives);
        let sizes = each.map(|(&letter, &size)| if axes.contains(letter) { size } else { Some(1) });
        let first = equation.output.iter().position(|&letter| axes.contains(letter));
        Ok(sizes.skip(first.unwrap_or(0)).collect())
    }

    /// The letters of the kernel.
    fn letters(&self) -> String {
        named(&self.equation, 1)
    }
}

/// The letters of a value of an equation.
fn named(equation: &str, value: usize) -> String {
    let letters = |c: &char| c.is_ascii_alphabetic();
    equation.split([',', '-']).nth(value).unwrap_or_default().chars().filter(letters).collect()
}

/// Whether an equation is one of the forms that Keras takes.
fn is_dense(equation: &str) -> bool {
    let Some((inputs, output)) = equation.split_once("->") else { return false };
    let Some((input, kernel)) = inputs.split_once(',') else { return false };
    let is = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic());
    let bare = |strip: fn(&str) -> Option<&str>| strip(input).zip(strip(output));
    is(kernel)
        && [
            Some((input, output)),
            bare(|text| text.strip_prefix("...")),
            bare(|text| text.strip_suffix("...")).filter(|(input, _)| input.len() > 1),
        ]
        .into_iter()
        .flatten()
        .any(|(input, output)| is(input) && is(output))
}

/// Sizes, all of which have to be known.
fn known(sizes: &[Option<usize>], what: &str) -> Result<Vec<usize>, Error> {
    let sizes: Option<Vec<usize>> = sizes.iter().copied().collect();
    sizes.ok_or_else(|| refused(format!("the sizes of the {what} are not known")))
}

impl OneToOne for EinsumDense {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::unmasked(arrives)?;
        let plan = self.plan(&arrives.sizes)?;
        if let Some(kernel) = &self.kernel {
            let known: Vec<Option<usize>> = kernel.iter().copied().map(Some).collect();
            plan.equation.gives(&[&arrives.sizes, &known])?;
        }
        Ok(AnySignal::numbers(plan.gives))
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let plan = self.plan(&arrives.sizes)?;
        let kernel = known(&plan.kernel, "kernel")?;
        let mut fans = [1_usize; 2];
        for (letter, size) in plan.equation.inputs[1].iter().zip(&kernel) {
            let fan = &mut fans[usize::from(plan.equation.output.contains(letter))];
            *fan = fan.saturating_mul(*size);
        }
        let how = self.hows[0].of_fans((fans[0], fans[1]));
        let bias = plan.bias.map(|bias| known(&bias, "bias")).transpose()?;
        let mut wanted = vec![("kernel", &kernel[..], how, Role::Trained)];
        wanted.extend(bias.as_ref().map(|bias| ("bias", &bias[..], self.hows[1], Role::Trained)));
        self.weights = Weights::draw(dev, &wanted)?;
        self.kernel = Some(kernel);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        let arrives: Vec<Option<usize>> = sizes.iter().copied().map(Some).collect();
        let plan = self.plan(&arrives)?;
        let gives = known(&plan.gives, "output")?;
        let kernel = self.kernel.clone().unwrap_or_default();
        let columns = kernel.last().copied().unwrap_or(1);
        let weights = self.weights.matrix("kernel", columns)?.retaped::<Recorder>();
        let mut y = plan.equation.apply(vec![(x, sizes), (weights, kernel)], &self.cache)?;
        if let Some(bias) = plan.bias {
            let flat = self.weights.flat("bias")?;
            let along = known(&bias, "bias")?;
            if gives.ends_with(&along) && !gives.contains(&0) {
                let (shape, width) = (*y.shape(), flat.shape().0);
                let rows = (elements(&gives)? / width, width);
                y = Cpu::add_row(y.into_shape(&rows)?, &flat)?.into_shape(&shape)?;
                return Flow::plain(y, gives)?.numbers()?.map(|y| self.activation.apply(y));
            }
            let own = [vec![1; gives.len() - bias.len()], along].concat();
            let rows = super::flow::as_rows(&own)?;
            let x = flat.into_shape(&rows)?.retaped::<Recorder>();
            let bias = stretched(Numbers { x, sizes: own, mask: None }, &gives)?;
            y = merged(Merging::Sum, y, bias)?;
        }
        Flow::plain(y, gives)?.numbers()?.map(|y| self.activation.apply(y))
    }

    visit!();
}
