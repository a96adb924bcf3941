"""Reads {"model", "adapter" or null, "ids"} from stdin and writes the logits (T, V) that transformers and PEFT compute in float64."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

request = json.load(sys.stdin)
model = AutoModelForCausalLM.from_pretrained(request["model"], dtype=torch.float64, attn_implementation="eager").eval()
if request["adapter"] is not None:
    from peft import PeftModel

    model = PeftModel.from_pretrained(model, request["adapter"]).double().eval()
with torch.no_grad():
    logits = model(input_ids=torch.tensor([request["ids"]]), use_cache=False).logits[0]
json.dump(logits.tolist(), sys.stdout)
