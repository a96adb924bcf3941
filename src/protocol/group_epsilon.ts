/** ε beside the standard deviation of group-normalised advantages, as in TRL: the engine computes with it, the panel shows it. */
export const GROUP_EPSILON = 1e-4;
