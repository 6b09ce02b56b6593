// What a metric is: the members of its struct. One file of this folder holds each metric, or a few of one idea;
// list.hpp lists them.
//
// Every metric has name (the dataset's name), long_name and units (its attributes) and traits. There are two tiers:
//   value(observation)  one number of the sums that every solver fills on its fast path (model/observation.hpp);
//   value(snapshot)     one number, or
//   values(snapshot, out)  several, of the network itself at a recorded step (model/snapshot.hpp): costly, so never
//                       recorded unless a job names it. Such a metric also has
//   cost(sizes)         its work at one recorded step in flop, without that of making the snapshot's hidden units;
//   reads               what it asks of the hidden units (HiddenParts);
//   and if it gives several numbers
//   dimension           what they are counted by: the name of a dimension in the result file;
//   size(sizes)         how many they are in a run of these sizes, >= 1.
#pragma once

namespace fasweep {

/// What a metric takes to compute and where it means anything, or-ed.
enum MetricTraits : unsigned {
  plain = 0,
  sees_training_set = 1U << 0U,    // forward pass of all training samples; expensive when a step sees few of them
  sees_test_set = 1U << 1U,        // the same for the test samples, without which it does not apply
  sees_gradients = 1U << 2U,       // the rule's and backprop's gradient of W
  sees_hidden_change = 1U << 3U,   // W(t) - W(0)
  for_classes = 1U << 4U,          // applies only when targets are classes
  for_random_steps = 1U << 5U,     // with neither minibatches nor dropout it is the loss
  for_several_outputs = 1U << 6U,  // with one output it is the alignment, or 0
  sees_snapshot = 1U << 7U,        // second tier: recorded only when it is named
  for_one_output = 1U << 8U,       // applies only to networks with one output
  not_for_one_output = 1U << 9U,   // applies only to networks with several
  rounding_decides = 1U << 10U,    // depends on what vanishes in rounding: no other precision can check it
  of_theory = 1U << 11U,           // applies only to the paper's setting (theory_keys)
  sums_steps = 1U << 12U,          // sums over all steps, so that the network is read in each (model/run_memory.hpp)
  follows_errors = 1U << 13U,      // follows the errors of all steps, without reading the network
  sees_layers = 1U << 14U,         // second tier: numbers of every hidden layer, which the layered solver shows
  of_gaussian_rows = 1U << 15U,    // applies only where W(0) is of independent Gaussian numbers
  of_teacher_units = 1U << 16U,    // applies only to few hidden units of a teacher that has few (metric/overlaps.hpp)
};

}  // namespace fasweep
