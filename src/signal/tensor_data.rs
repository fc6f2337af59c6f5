//! What all signals have in common whose data is one tensor.

/// The methods of [`Signal`](super::Signal) for a tensor of the shape `S` whose values are of this type.
macro_rules! tensor_data {
    ($element:ty) => {
        fn put_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
            data: Tensor<S, $element, D>,
            tape: T,
        ) -> Tensor<S, $element, D, T> {
            PutTape::put_tape(data, tape)
        }

        fn split_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
            data: Tensor<S, $element, D, T>,
        ) -> (Tensor<S, $element, D>, T) {
            SplitTape::split_tape(data)
        }

        fn share<E: Element, D: Backend<E>>(
            data: &Tensor<S, $element, D>,
        ) -> Tensor<S, $element, D> {
            data.clone()
        }

        fn without_padding<E: Element, D: Backend<E>>(
            data: &Tensor<S, $element, D>,
            keep: &[bool],
        ) -> Result<Tensor<S, $element, D>, Error> {
            without_padding(data, keep)
        }

        fn concat<E: Element, D: Backend<E>>(
            parts: &[Tensor<S, $element, D>],
        ) -> Result<Tensor<S, $element, D>, Error> {
            concat(parts)
        }

        fn rows_of<E: Element, D: Backend<E>>(
            data: &Tensor<S, $element, D>,
            rows: Range<usize>,
        ) -> Result<Tensor<S, $element, D>, Error> {
            rows_of(data, rows)
        }

        fn send<E: Element, D: Backend<E>>(
            data: &Tensor<S, $element, D>,
            message: &mut Vec<f64>,
        ) -> Result<(), Error> {
            message::send(data, message)
        }

        fn receive<E: Element, D: Backend<E>>(
            rest: Rest<'_, '_>,
            dev: &D,
        ) -> Result<Tensor<S, $element, D>, Error> {
            message::receive(rest, dev)
        }
    };
}
pub(super) use tensor_data;
