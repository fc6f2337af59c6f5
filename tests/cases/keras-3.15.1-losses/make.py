"""Writes values.json: losses of Keras 3.15.1 on JAX, and their gradients. Run it in this folder, with KERAS_BACKEND=jax."""
import numpy as np, keras, json, jax, jax.numpy as jnp
from keras import losses as L
jax.config.update("jax_enable_x64", False)
def sines(n,s): return (np.sin(np.arange(n)*0.7+s)*0.5)
P=(sines(12,0.3)+0.55).reshape(4,3).astype("float32")   # 0.05..1.05
S=(sines(12,0.9)*3).reshape(4,3).astype("float32")
Y=np.eye(3,dtype="float32")[[0,2,1,0]]
R=(sines(12,2.0)*2).reshape(4,3).astype("float32")
soft=np.abs(P)/np.abs(P).sum(-1,keepdims=True)
cases={
 "mape":(L.MeanAbsolutePercentageError(reduction="none"),S,R),
 "msle":(L.MeanSquaredLogarithmicError(reduction="none"),P,Y),
 "cosine":(L.CosineSimilarity(reduction="none"),S,R),
 "huber":(L.Huber(reduction="none",delta=0.8),S,R),
 "log_cosh":(L.LogCosh(reduction="none"),S,R),
 "kl":(L.KLDivergence(reduction="none"),soft,Y),
 "poisson":(L.Poisson(reduction="none"),P,Y),
 "hinge":(L.Hinge(reduction="none"),S,Y),
 "squared_hinge":(L.SquaredHinge(reduction="none"),S,np.sign(R)),
 "categorical_hinge":(L.CategoricalHinge(reduction="none"),S,Y),
 "focal":(L.BinaryFocalCrossentropy(reduction="none",label_smoothing=0.1,apply_class_balancing=True),np.clip(P,0.02,0.98),Y),
 "focal_logits":(L.BinaryFocalCrossentropy(reduction="none",gamma=1.5,from_logits=True),S,Y),
 "categorical_focal":(L.CategoricalFocalCrossentropy(reduction="none",label_smoothing=0.1),P,Y),
 "categorical_focal_logits":(L.CategoricalFocalCrossentropy(reduction="none",alpha=0.7,gamma=3.0,from_logits=True),S,Y),
}
out={}
for k,(l,p,y) in cases.items():
    v=np.array(l(y,p)); g=np.array(jax.grad(lambda q: jnp.sum(l(jnp.asarray(y),q)))(jnp.asarray(p)))
    out[k]={"p":p.ravel().tolist(),"y":y.ravel().tolist(),"value":v.tolist(),"grad":g.ravel().tolist()}
# ignore_class
l=L.SparseCategoricalCrossentropy(ignore_class=2); lab=np.array([0,2,1,2])
out["ignore"]={"p":soft.ravel().tolist(),"value":float(l(lab,soft))}
# losses of overlap, of (2, 3, 2, 2) by axes; "weighted" has sample weights
P4=(sines(24,0.3)+0.5).clip(0,1).reshape(2,3,2,2).astype("float32"); Y4=(sines(24,1.1)>0.1).reshape(2,3,2,2).astype("float32")
W=np.array([0.5,2.0],dtype="float32")
out["overlap"]={"p":P4.ravel().tolist(),"y":Y4.ravel().tolist(),"cases":[]}
for axis in [None,(1,2,3),(-1,),(0,),(1,2),(0,2)]:
    for name,l in [("dice",L.Dice(axis=axis)),("tversky",L.Tversky(alpha=0.3,beta=0.9,axis=axis))]:
        g=np.array(jax.grad(lambda q: l(jnp.asarray(Y4),q))(jnp.asarray(P4)))
        c={"loss":name,"axis":axis,"value":float(l(Y4,P4)),"grad":g.ravel().tolist()}
        if axis in (None,(1,2,3)): c["weighted"]=float(jnp.mean(l(Y4,P4,sample_weight=W)))
        out["overlap"]["cases"].append(c)
json.dump(out,open("values.json","w"))
print({k:v.get("value",v.get("cases")) for k,v in out.items()})
