"""The study of passes over the same data: what a model of N parameters extracts from U unique tokens in k
epochs.

Read `study` first: it computes every quantity and puts the `result` together. From the points to arrays:
`cells` (annealed losses by N, U, k and recipe, and draws of their noise), `noise` (measured between
replicates), `grid`, `inputs`.

The quantities, one module each:
- `floors`: the data floor L*(U); `ensembles`: that of averaged runs;
- `decomposition`: the loss above L_inf by data, model and epochs, and the regimes;
- `passes`: epochs to a criterion, and N_1; `reuse`: repeats in fresh tokens, r_inf;
- `gap`, `gap_forms`: the first pass above the floor, and whether that vanishes as N grows;
- `sample_efficiency`: tokens to a loss; `multipliers`: the value of regularisers in data; `code_length`;
- `causes`: extraction or overfitting.

`claims` judges the four claims. To add one, write a function there and add it to `CLAIMS`.

Shared mathematics: `estimates`, `first_reached`, `censored_regression`, `power_laws`.
"""
