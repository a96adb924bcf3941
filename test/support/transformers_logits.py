"""Reads {"model", "adapter" or null, "ids"} from stdin and writes the logits (T, V) that transformers and PEFT compute in float64."""

import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM

request = json.load(sys.stdin)
model = AutoModelForCausalLM.from_pretrained(request["model"], dtype=torch.float64, attn_implementation="eager").eval()
if request["adapter"] is not None:
    from peft import PeftModel

    with open(os.path.join(request["adapter"], "adapter_config.json")) as file:
        added = json.load(file).get("trainable_token_indices") or {}
    if added:
        # Rows of new tokens: PEFT puts them over rows of the model, which must be there.
        model.resize_token_embeddings(1 + max(max(ids) for ids in added.values()), mean_resizing=False)
    model = PeftModel.from_pretrained(model, request["adapter"]).double().eval()
with torch.no_grad():
    logits = model(input_ids=torch.tensor([request["ids"]]), use_cache=False).logits[0]
json.dump(logits.tolist(), sys.stdout)
