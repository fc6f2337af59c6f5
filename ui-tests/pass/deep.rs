//! Models of more layers than the recursion limit, and of each kind of signal where the chain is cut.
use kerata::{
    Add, Batch, Const, Conv2d, Cpu, Dense, Dropout, Embedding, Error, Flatten,
    GlobalAveragePooling1d, Gru, Ids, LayerNorm, Length, Lstm, MaskZero, Relu, Reshape,
    ReturnState, Same, Sequences, model, prelude::*,
};

macro_rules! deep {
    ($($name:ident)*) => {
        #[model(input = (Batch, 4), output = (Batch, 4))]
        struct Deep {
            $($name: Dense<_, 4, Relu>,)*
        }
    };
}
deep! {
    l0 l1 l2 l3 l4 l5 l6 l7 l8 l9 l10 l11 l12 l13 l14 l15 l16 l17 l18 l19 l20 l21 l22 l23 l24 l25
    l26 l27 l28 l29 l30 l31 l32 l33 l34 l35 l36 l37 l38 l39 l40 l41 l42 l43 l44 l45 l46 l47 l48 l49
    l50 l51 l52 l53 l54 l55 l56 l57 l58 l59 l60 l61 l62 l63 l64 l65 l66 l67 l68 l69 l70 l71 l72 l73
    l74 l75 l76 l77 l78 l79 l80 l81 l82 l83 l84 l85 l86 l87 l88 l89 l90 l91 l92 l93 l94 l95 l96 l97
    l98 l99 l100 l101 l102 l103 l104 l105 l106 l107 l108 l109 l110 l111 l112 l113 l114 l115 l116
    l117 l118 l119 l120 l121 l122 l123 l124 l125 l126 l127 l128 l129 l130 l131 l132 l133 l134 l135
    l136 l137 l138 l139 l140 l141 l142 l143 l144 l145 l146 l147 l148 l149 l150 l151 l152 l153 l154
    l155 l156 l157 l158 l159
}

/// At 8 a masked sequence, at 16 one of any length.
#[model(input = Ids<(Batch, Length)>, output = (Batch, 2))]
struct Words {
    l1: Embedding<10, 4, MaskZero>,
    l2: Lstm<_, 4, Sequences>,
    l3: Dropout<10>,
    l4: Lstm<_, 5, Sequences>,
    l5: Dropout<10>,
    l6: Lstm<_, 6, Sequences>,
    l7: Dropout<10>,
    l8: LayerNorm<_>,
    l9: Lstm<_, 7, Sequences>,
    l10: Dropout<10>,
    l11: Lstm<_, 7, Sequences>,
    #[from(l10, l11)]
    l12: Add,
    l13: Dropout<10>,
    l14: Dropout<10>,
    l15: Dropout<10>,
    l16: Dropout<10>,
    l17: GlobalAveragePooling1d,
    l18: Dense<_, 2>,
}

/// At 8 an output and a state, which have no code; at 16 an image.
#[model(input = (Batch, 6, 6, 2), output = (Batch, 3))]
struct Mixed {
    l1: Conv2d<_, 3, 3, 3, Relu, Same>,
    l2: Dropout<10>,
    l3: Dropout<10>,
    l4: Dropout<10>,
    l5: Dropout<10>,
    l6: Dropout<10>,
    #[from(input)]
    l7: Reshape<(Const<36>, Const<2>)>,
    l8: ReturnState<Gru<_, 4>>,
    #[from(l8.output)]
    l9: Dense<_, 4>,
    #[from(l9, l8.output)]
    l10: Add,
    #[from(l6)]
    l11: Conv2d<_, 3, 3, 3, Relu, Same>,
    l12: Dropout<10>,
    l13: Dropout<10>,
    l14: Dropout<10>,
    l15: Dropout<10>,
    l16: Dropout<10>,
    l17: Flatten<_>,
    l18: Dense<_, 4>,
    #[from(l18, l10)]
    l19: Add,
    l20: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let deep = Deep::build(&dev)?;
    assert_eq!(Deep::PARAMS, 160 * 20);
    assert_eq!(deep.predict(&vec![[1.0; 4]; 3], 2)?.as_vec().len(), 12);
    let mut stream = deep.stream(1)?;
    assert_eq!(
        stream.step(&[[1.0; 4]])?.as_flattened(),
        deep.predict(&vec![[1.0; 4]], 1)?.as_vec()
    );
    let words = Words::build(&dev)?;
    assert_eq!(words.predict(&vec![vec![1_usize, 2, 0], vec![3, 0, 0]], 2)?.as_vec().len(), 4);
    let mixed = Mixed::build(&dev)?;
    assert_eq!(mixed.predict(&vec![[[[0.5; 2]; 6]; 6]], 2)?.as_vec().len(), 3);
    Ok(())
}
