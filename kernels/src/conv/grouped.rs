//! A convolution whose channels are in groups: a convolution of each group by itself, on copies of its channels.

use std::ops::Range;

use super::{Convolution, convolution};
use crate::{buffer::Buffer, memory::NoMemory, sums::ProductSums, window::Window};

pub(crate) struct Grouped {
    groups: Vec<Box<dyn Convolution>>,
    /// How many channels and filters there are.
    channels: usize,
    filters: usize,
}

impl Grouped {
    pub(super) fn new(
        window: &Window,
        [channels, filters]: [usize; 2],
        groups: usize,
        weights: &[f32],
    ) -> Result<Self, NoMemory> {
        let [of_channels, of_filters] = [channels, filters].map(|all| all / groups);
        let of_group = |group| {
            let mut own = Buffer::uncleared(weights.len() / groups)?;
            take(weights, filters, group, of_filters, &mut own);
            convolution(window, of_channels, of_filters, 1, own)
        };
        let groups = (0..groups).map(of_group).collect::<Result<_, _>>()?;
        Ok(Self { groups, channels, filters })
    }

    /// Shows each group the pixels of its channels, and room for its filters, which is put in its place.
    fn each(
        &self,
        images: &[f32],
        y: &mut [f32],
        run: impl Fn(&dyn Convolution, &[f32], &mut [f32]) -> Result<(), NoMemory>,
    ) -> Result<(), NoMemory> {
        let count = self.groups.len();
        let mut own = Buffer::uncleared(images.len() / count)?;
        let mut results = Buffer::uncleared(y.len() / count)?;
        for (group, convolution) in self.groups.iter().enumerate() {
            take(images, self.channels, group, self.channels / count, &mut own);
            run(&**convolution, &own, &mut results)?;
            put(&results, self.filters, group, self.filters / count, y);
        }
        Ok(())
    }
}

/// The columns of a group.
fn take(from: &[f32], width: usize, group: usize, each: usize, to: &mut [f32]) {
    for (to, from) in to.chunks_exact_mut(each.max(1)).zip(from.chunks_exact(width.max(1))) {
        to.copy_from_slice(&from[group * each..][..each]);
    }
}

/// Puts the columns of a group into their place.
fn put(from: &[f32], width: usize, group: usize, each: usize, to: &mut [f32]) {
    for (to, from) in to.chunks_exact_mut(width.max(1)).zip(from.chunks_exact(each.max(1))) {
        to[group * each..][..each].copy_from_slice(from);
    }
}

impl Convolution for Grouped {
    fn forward(&self, images: &[f32], y: &mut [f32]) -> Result<(), NoMemory> {
        self.each(images, y, |group, x, y| group.forward(x, y))
    }

    fn forward_rows(
        &self,
        image: &[f32],
        rows: Range<usize>,
        y: &mut [f32],
    ) -> Result<(), NoMemory> {
        self.each(image, y, |group, x, y| group.forward_rows(x, rows.clone(), y))
    }

    fn sums(&self) -> Result<Vec<ProductSums>, NoMemory> {
        let mut all = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            all.extend(group.sums()?);
        }
        Ok(all)
    }

    fn backward(
        &self,
        mut d_images: Option<&mut [f32]>,
        images: &[f32],
        d_y: &[f32],
        sums: &mut [ProductSums],
    ) -> Result<(), NoMemory> {
        let count = self.groups.len();
        let (of_channels, of_filters) = (self.channels / count, self.filters / count);
        let mut own = Buffer::uncleared(images.len() / count)?;
        let mut d_own = Buffer::uncleared(d_images.as_ref().map_or(0, |_| images.len() / count))?;
        let mut d_results = Buffer::uncleared(d_y.len() / count)?;
        for (group, (convolution, sums)) in self.groups.iter().zip(sums.chunks_mut(1)).enumerate() {
            take(images, self.channels, group, of_channels, &mut own);
            take(d_y, self.filters, group, of_filters, &mut d_results);
            let Some(d_images) = d_images.as_deref_mut() else {
                convolution.backward(None, &own, &d_results, sums)?;
                continue;
            };
            // What is there already is added to.
            take(d_images, self.channels, group, of_channels, &mut d_own);
            convolution.backward(Some(&mut d_own), &own, &d_results, sums)?;
            put(&d_own, self.channels, group, of_channels, d_images);
        }
        Ok(())
    }

    fn kernel_gradient(&self, sums: Vec<ProductSums>) -> Result<Buffer, NoMemory> {
        let each = self.filters / self.groups.len();
        let mut all = Buffer::default();
        for (group, (convolution, sums)) in self.groups.iter().zip(sums).enumerate() {
            let own = convolution.kernel_gradient(vec![sums])?;
            if group == 0 {
                all = Buffer::uncleared(own.len() * self.groups.len())?;
            }
            put(&own, self.filters, group, each, &mut all);
        }
        Ok(all)
    }
}
