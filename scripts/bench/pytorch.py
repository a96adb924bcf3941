"""The same work in PyTorch + transformers + PEFT, to compare `npm run bench` with on the same machine.

    python scripts/bench/pytorch.py step smollm2-135m                 # float32, eager
    python scripts/bench/pytorch.py step smollm2-135m --autocast      # bfloat16 autocast
    python scripts/bench/pytorch.py update minimind2-small            # the reference implementation's recipe

Prints one JSON line. `step`: forward and backward of 8 sequences of 128 tokens, LoRA of rank 16 on all linear layers. `update`: 8 questions x K = 8,
prompt 48, rationale 64, answer 8 tokens: generate L tokens, three scoring forwards (policy and reference on the rationale, policy on the
answer), two training forwards (rationale, answer) with their backward passes, AdamW; 8 sequences at a time, as the reference has it.
Needs torch, transformers and peft; no test runs it.
"""

import argparse
import json
import os
import resource
import statistics
import time

SHAPES = {
    "minimind2-small": dict(layers=8, hidden=512, inner=1408, heads=8, kv=2, dim=64, vocabulary=6400),
    "smollm2-135m": dict(layers=30, hidden=576, inner=1536, heads=9, kv=3, dim=64, vocabulary=49152),
}
QUESTIONS, K, PROMPT, RATIONALE, ANSWER = 8, 8, 48, 64, 8
BATCH, LENGTH = 8, 128


def build(shape):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    s = SHAPES[shape]
    torch.manual_seed(1)
    config = LlamaConfig(
        hidden_size=s["hidden"], intermediate_size=s["inner"], num_hidden_layers=s["layers"],
        num_attention_heads=s["heads"], num_key_value_heads=s["kv"], head_dim=s["dim"],
        vocab_size=s["vocabulary"], max_position_embeddings=2048, rms_norm_eps=1e-5,
        tie_word_embeddings=True, eos_token_id=None, bos_token_id=1, pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, lora)


def log_probs(model, ids, count):
    """log pi of the last `count` tokens of every row."""
    import torch

    logits = model(input_ids=ids, logits_to_keep=count + 1).logits[:, :-1]
    return torch.log_softmax(logits.float(), -1).gather(-1, ids[:, -count:, None]).squeeze(-1)


def step(model, autocast):
    import torch

    vocabulary = model.config.vocab_size
    ids = torch.randint(3, vocabulary, (BATCH, LENGTH))
    seconds, busy = [], []
    for _ in range(4):
        model.zero_grad(set_to_none=True)
        start, busy_start = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = -log_probs(model, ids, LENGTH - 1).mean()
        loss.backward()
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - busy_start)
    tokens = BATCH * LENGTH
    return {
        "tokensPerSecond": round(tokens / statistics.median(seconds[1:]), 1),
        "tokensPerProcessorSecond": round(tokens / statistics.median(busy[1:]), 1),
        "rounds": len(seconds) - 1,
    }


def update(model, autocast):
    import torch

    vocabulary = model.config.vocab_size
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    prompts = torch.randint(3, vocabulary, (QUESTIONS, PROMPT)).repeat_interleave(K, 0)
    answers = torch.randint(3, vocabulary, (QUESTIONS, ANSWER)).repeat_interleave(K, 0)
    phases = {}
    busy = time.process_time()
    start = time.perf_counter()

    def done(name):
        nonlocal start
        phases[name] = round(time.perf_counter() - start, 2)
        start = time.perf_counter()

    def scored(ids, count):
        with torch.no_grad():
            return torch.cat([log_probs(model, part, count) for part in ids.split(BATCH)])

    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        with torch.no_grad():
            sampled = model.generate(
                input_ids=prompts, attention_mask=torch.ones_like(prompts), do_sample=True,
                top_k=0, min_new_tokens=RATIONALE, max_new_tokens=RATIONALE,
            )
        assert sampled.shape[1] == PROMPT + RATIONALE, sampled.shape
        done("generate")
        whole = torch.cat([sampled, answers], 1)
        policy = scored(sampled, RATIONALE).sum(1)
        done("scorePolicy")
        with model.disable_adapter():
            reference = scored(sampled, RATIONALE).sum(1)
        done("scoreReference")
        reward = scored(whole, ANSWER).sum(1) - 0.05 * (policy - reference)
        done("scoreAnswer")
        grouped = reward.view(QUESTIONS, K)
        advantage = (grouped - (grouped.sum(1, keepdim=True) - grouped) / (K - 1)).reshape(-1)
        for z, zy, weight in zip(sampled.split(BATCH), whole.split(BATCH), advantage.split(BATCH)):
            loss = -(weight * log_probs(model, z, RATIONALE).sum(1)).sum() - log_probs(model, zy, ANSWER).sum()
            loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    done("train")
    return {
        "seconds": round(sum(phases.values()), 2),
        "processorSeconds": round(time.process_time() - busy, 2),
        "phases": phases,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["step", "update"])
    parser.add_argument("shape", choices=list(SHAPES))
    parser.add_argument("--autocast", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    import peft
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    model = build(args.shape)
    figures = (step if args.what == "step" else update)(model, args.autocast)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    print(json.dumps({**vars(args), **figures, "peakMemoryGB": round(peak, 3), **versions}))


main()
