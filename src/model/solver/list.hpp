// The solvers by what they can: each says in a struct of its own which settings and runs it trains exactly and at what
// cost. To add one: write its struct into a file of this folder, add it to `Solvers` and to Solver (model/solver.hpp).
#pragma once

#include "model/solver/layered.hpp"
#include "model/solver/reduced_linear.hpp"
#include "model/solver/sample_space.hpp"
#include "model/solver/weight_space.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each solver has
//   name, exact_for           as users know it, and what it is exact for, for messages;
//   honours                   the keys whose values it follows: any other that is away from its default refuses a run;
//   takes<Activation, Rule>   whether it trains such runs exactly;
//   step_cost<Activation>(data, training, width)   work of a step of one run in float32: seconds measured on one core
//                             (AVX2, tests/bench/solver_bench) times nominal_flop_per_second;
//   evaluation_cost<Activation>(data, training, traits, width)   work of what an observation evaluates beside a step;
//   setup_cost(data, width)   work of the solver's own start, which runs of one problem share.

using Solvers = TypeList<WeightSpace, SampleSpace, ReducedLinear, Layered>;

}  // namespace fasweep
