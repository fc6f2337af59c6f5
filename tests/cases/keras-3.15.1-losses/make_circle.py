"""Writes circle.json: the loss `Circle` of Keras 3.15.1 on JAX, and its gradients. Run it in this folder, with KERAS_BACKEND=jax."""
import numpy as np, json, jax, jax.numpy as jnp
from keras import losses as L
X=np.sin(np.arange(24)*1.3+0.4).reshape(8,3); X=(X/np.linalg.norm(X,axis=1,keepdims=True)).astype("float32")
LABELS=np.array([0,4,0,9,4,0,4,4]); W=np.array([0.5,2,1,1,0,3,1,0.25],"float32")
out={"p":X.ravel().tolist(),"labels":LABELS.tolist(),"weights":W.tolist(),"cases":[]}
for o in [{},{"gamma":3.0,"margin":0.25},{"gamma":1.5,"margin":0.1,"remove_diagonal":False},{"gamma":64.0,"margin":-0.2}]:
    each=np.array(L.Circle(reduction="none",**o)(LABELS,X))
    reduced={r:[float(L.Circle(reduction=r,**o)(LABELS,X)),float(L.Circle(reduction=r,**o)(LABELS,X,sample_weight=W))]
             for r in ["sum","sum_over_batch_size","mean_with_sample_weight"]}
    g=np.array(jax.grad(lambda q: L.Circle(**o)(LABELS,q))(jnp.asarray(X)))
    out["cases"].append({"options":o,"each":each.tolist(),"reduced":reduced,"grad":g.ravel().tolist()})
json.dump(out,open("circle.json","w"))
print(json.dumps([{k:v for k,v in c.items() if k!="grad"} for c in out["cases"]],indent=1))
