//! Functions of Keras's in a model of branches: `x + y`, `x[:, -1]`, or what makes the mask of a layer.

use dfdx::tensor::{Cpu, PutTape};
use serde_json::{Map, Value};

use super::{
    super::{
        DynamicLayer,
        custom::CustomObjects,
        flow::{Flow, Flows, Numbers},
        functions::{Of, half},
        merge::common,
        op::{OneToOne, Op},
        resizing::Resize,
        words::refused,
    },
    arguments::{Operand, Said, said},
    calculate,
    nodes::{CallArguments, Reference},
    one_hot, order, parts,
    reduce::reduced,
    reshape::joined,
    table::{KINDS, Kind, module},
};
use crate::{
    backend::{Backend, Recorder},
    error::Error,
    fields::{AnySignal, Config},
};

/// A function, with the numbers that stand for tensors.
#[derive(Debug, Clone)]
pub(in crate::dynamic) struct Function {
    pub(super) kind: Kind,
    pub(super) operands: Vec<Operand>,
    /// What is said by name: `axis`, and so on.
    pub(super) options: Map<String, Value>,
}

/// Makes a function.
pub(in crate::dynamic) type MakeFunction =
    fn(Config, &[CallArguments<Reference>], &CustomObjects) -> Result<DynamicLayer, Error>;

impl Function {
    #[cfg_attr(not(any(debug_assertions, feature = "keras")), inline)]
    pub(in crate::dynamic) fn layer(
        mut config: Config,
        calls: &[CallArguments<Reference>],
        custom: &CustomObjects,
    ) -> Result<DynamicLayer, Error> {
        let module = module(&config.class_name);
        config.module.get_or_insert_with(|| module.to_owned());
        let [call] = calls else {
            return Err(refused(format!("it is called {} times, and not once", calls.len())));
        };
        let class = config.class_name.as_str();
        let known = KINDS.iter().find(|(name, _)| *name == class).map(|(_, kind)| kind.clone());
        let mut options = config.config.clone();
        let kind = match known {
            Some(kind) => kind.cast(class, &mut options),
            None => Kind::activation(class, &mut options, custom)?,
        };
        let Said { operands, options } = said(&kind, call, options)?;
        Ok(DynamicLayer::of(config, Box::new(Self { kind, operands, options })))
    }

    /// What reaches the function, with the numbers that stand for tensors.
    pub(super) fn all(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let rank = arrive.iter().map(AnySignal::rank).max().unwrap_or(0);
        let mut tensors = arrive.iter();
        let each = self.operands.iter().map(|operand| match operand {
            Operand::Tensor => tensors.next().cloned().ok_or(Error::Empty("the list of inputs")),
            Operand::Numbers(sizes, _) if self.kind.is_of_matrices() => {
                Ok(AnySignal::numbers(sizes.iter().copied().map(Some).collect::<Vec<_>>()))
            }
            Operand::Numbers(sizes, _) => {
                let more = rank.checked_sub(sizes.len());
                let more = more.ok_or_else(|| refused("numbers of more dimensions than values"))?;
                let sizes = sizes.iter().copied().map(Some);
                let sizes: Vec<_> = vec![Some(1); more].into_iter().chain(sizes).collect();
                Ok(AnySignal::numbers(sizes))
            }
        });
        each.collect()
    }
}

impl Op for Function {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let needed = self.operands.iter().filter(|one| matches!(one, Operand::Tensor)).count();
        if arrive.len() != needed {
            let found = arrive.len();
            return Err(refused(format!("{needed} inputs are needed here, but {found} arrive")));
        }
        let (all, options) = (self.all(arrive)?, &self.options);
        let first = all.first().ok_or(Error::Empty("the list of inputs"))?;
        let sizes = match &self.kind {
            Kind::Reduce(_) => reduced(first, options)?.1,
            Kind::Join => joined(&all, options)?.1,
            Kind::Stack => parts::stacked(&all, options)?.1,
            Kind::Split | Kind::Unstack => {
                let parts = parts::of(&self.kind, first, options)?;
                return Ok(parts.into_iter().map(|part| AnySignal::numbers(part.sizes)).collect());
            }
            Kind::Top => {
                let mut sizes = first.sizes.clone();
                if let [_, .., last] = &mut sizes[..] {
                    *last = Some(order::count(*last, options)?);
                }
                return Ok(vec![AnySignal::numbers(sizes); 2]);
            }
            Kind::Sort | Kind::Order => {
                calculate::sorted_axis(first.rank(), options)?;
                first.sizes.clone()
            }
            Kind::Resize => OneToOne::gives(&Resize::of_function(options)?, first)?.sizes,
            Kind::Reshape(reshaping) => reshaping.gives(first, options)?,
            Kind::Arrange(arrangement) => arrangement.gives(&first.sizes, options)?,
            Kind::Matrices | Kind::Einsum => {
                let sizes: Vec<&[Option<usize>]> = all.iter().map(|one| &one.sizes[..]).collect();
                calculate::equation(&self.kind, &sizes, options)?.gives(&sizes)?
            }
            Kind::OneHot => one_hot::gives(&first.sizes, options)?,
            Kind::Blocks(blocks) => blocks.gives(&first.sizes, options)?,
            Kind::Triangle(triangle) => {
                triangle.check(first.rank(), options)?;
                first.sizes.clone()
            }
            Kind::RunningSum | Kind::Normalize => {
                calculate::axes_of(&self.kind, first.rank(), options)?;
                first.sizes.clone()
            }
            Kind::Activation(function) => {
                let axis = calculate::axis_of(first.rank(), options)?;
                let mut sizes = first.sizes.clone();
                if let (Of::Gate, Some(size)) = (function.of, sizes.get_mut(axis)) {
                    *size = size.map(half).transpose()?;
                }
                sizes
            }
            _ => common(&all)?,
        };
        Ok(vec![AnySignal::numbers(sizes)])
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        if let Kind::Split | Kind::Unstack = self.kind {
            return parts::split(&self.kind, super::super::op::one(x)?, &self.options);
        }
        let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
        let gives = Op::gives(self, &signals)?;
        match self.kind {
            Kind::Top => return order::top(super::super::op::one(x)?, &self.options),
            Kind::Resize => return Op::apply(&Resize::of_function(&self.options)?, x),
            _ => {}
        }
        let sizes = gives.first().map(|one| one.sizes.clone()).unwrap_or_default();
        let sizes: Vec<usize> = sizes.into_iter().map(|size| size.unwrap_or(0)).collect();
        let (mut tensors, all) = (x.into_iter(), self.all(&signals)?);
        let mut constants = Vec::new();
        let each = self.operands.iter().zip(all).map(|(operand, own)| match operand {
            Operand::Tensor => {
                let Numbers { x, sizes, .. } =
                    tensors.next().ok_or(Error::Empty("the list of inputs"))?.numbers()?;
                Ok((x, sizes))
            }
            Operand::Numbers(_, values) => {
                let own: Vec<usize> = own.sizes.into_iter().flatten().collect();
                let x = calculate::constant(&own, values.clone())?;
                constants.push(Cpu::stop_gradient(&x));
                Ok((x.put_tape(Recorder::default()), own))
            }
        });
        let values = each.collect::<Result<Vec<_>, Error>>()?;
        let y = calculate::apply(self, values, &sizes)?;
        drop(constants);
        Ok(vec![Flow::plain(y, sizes)?])
    }

    fn is_function(&self) -> bool {
        true
    }
}
