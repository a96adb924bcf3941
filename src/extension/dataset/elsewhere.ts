/** Where nothing of a person's own lies: no search of the workspace looks there. */
export const ELSEWHERE = '**/{node_modules,.latro,.git}/**';
