#!/bin/sh
# LaTRO Studio on this machine's GPU: are its numbers the CPU's, and how fast is it, as a share of what it could be?
#   sh run.sh [--device NAME] [--parity-only] [further options of the bench, such as --shape NAME]
# Nothing is installed and nothing leaves the machine; the results are text and JSON in results/, or in the folder that $OUT names.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-$here/results}
device=webgpu
parity_only=no
options=
shapes=
while [ $# -gt 0 ]; do
  case $1 in
    --device | --shape)
      case ${2:-} in
        '' | -*) echo "$1 needs a name behind it, such as --device webgpu or --shape smollm2-135m" >&2; exit 2 ;;
      esac
      if [ "$1" = --device ]; then device=$2; else shapes="$shapes $2"; fi
      shift 2
      ;;
    --parity-only) parity_only=yes; shift ;;
    *) options="$options $1"; shift ;;
  esac
done
mkdir -p "$out"

# Vulkan: the system's loader, or the one that came along; and drivers where the loader does not look by itself.
if ! ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1'; then
  export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
if [ -z "${VK_DRIVER_FILES:-}" ] && ! ls /etc/vulkan/icd.d/*.json /usr/share/vulkan/icd.d/*.json >/dev/null 2>&1; then
  for driver in /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json /usr/local/share/vulkan/icd.d/*.json; do
    if [ -e "$driver" ]; then export VK_DRIVER_FILES="$driver"; break; fi
  done
fi

{
  uname -srm
  grep -m1 'model name' /proc/cpuinfo
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null
  "$here/node" "$here/latro.mjs" devices
} 2>&1 | tee "$out/machine.txt"

# What is not there cannot be measured: said at once, before models are made for it.
probe=$("$here/node" "$here/latro.mjs" devices --probe "$device" 2>/dev/null)
case $probe in
  *'"works":true'*) ;;
  *)
    echo "The device $device does not compute here: $probe" | tee "$out/parity.txt"
    case $device in
      webgpu) hint="Is the graphics card's Vulkan driver here (VK_DRIVER_FILES=its .json)?" ;;
      cuda) hint="CUDA's libraries and onnxruntime's for it are not in this archive; --device webgpu needs neither." ;;
      *) hint="Devices are webgpu, cuda and cpu." ;;
    esac
    echo "Nothing was measured. $hint sh run.sh --device cpu measures the processor." | tee -a "$out/parity.txt"
    exit 2
    ;;
esac
# Of float16, where the device has it, the largest shape alone needs half the memory.
case $probe in *'"float16":{'*) half=yes ;; *) half=no ;; esac

failed=0
if [ "$device" = cpu ]; then
  echo "Parity: the CPU is what devices are compared with"
else
  echo "Parity of $device with the CPU"
  LATRO_REQUIRE_DEVICE=1 LATRO_TEST_DEVICE=$device "$here/node" "$here/parity.mjs" > "$out/parity.txt" 2>&1 || failed=1
  tail -n 40 "$out/parity.txt"
fi

# measure SHAPE PRECISION: a shape that does not fit is said, and the next one measured.
measure() {
  name=$out/bench-$1-$2
  # That of an earlier run would be taken for this one's.
  rm -f "$name.json"
  {
    # shellcheck disable=SC2086
    "$here/node" "$here/bench.mjs" --device "$device" --shape "$1" --precision "$2" --json "$name.json" $options 2>&1
    # What a pipe ends with is what tee ends with.
    echo $? > "$name.code"
  } | tee "$name.txt"
  [ "$(cat "$name.code")" = 0 ] || failed=1
  rm -f "$name.code"
}
if [ "$parity_only" = no ]; then
  for shape in ${shapes:-smollm2-135m qwen2.5-0.5b mistral-7b}; do
    [ "$shape" = mistral-7b ] && [ "$half" = yes ] || measure "$shape" float32
    [ "$half" = no ] || measure "$shape" float16
  done
fi
echo "Results: $out"
exit $failed
