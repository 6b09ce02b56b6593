#include "sweep/plan_differences.hpp"

#include <cmath>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/initial/list.hpp"
#include "model/metric/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string error_of(const std::string& text, const KeyValues& overrides = {}, const ReadFacts& read_facts = {}) {
  try {
    static_cast<void>(parse_job(text, "test.cfg", overrides, read_facts));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

/// Values of a key's axis in the first grid.
std::vector<double> values_of(const Job& job, std::string_view key) {
  const Axis* axis = job.grids.front().find_axis(key_called(key));
  return axis == nullptr ? std::vector<double>() : axis->numbers;
}

/// Lines that name the first run of a job.
std::string first_settings(const Job& job) {
  return settings_lines(Plan(job).point(0), job);
}

std::vector<std::string> differences(const Job& stored, const Job& wanted) {
  return plan_differences(Plan(stored), Plan(wanted));
}

constexpr const char* full_job = R"(# a comment
[grid]
p = 100*2^1..2
lambda = 0, 0.1
activation = linear, tanh
rule = feedback-alignment, backprop
seed = 0..4
[data]
source = teacher            # trailing comment
n = 20
d = 30
test-n = 10
inputs = gaussian-scaled
label-noise = 0.5
teacher-width = 64
[training]
step-size = linear:1e-4, tanh:0.5
schedule = exponential(0.999)
max-steps = 1000
stop = plateau(1e-4, 100)
precision = float64
[record]
steps = log(10)
metrics = loss, alignment
)";

TEST(Job, EveryKeyReachesItsSetting) {
  const Job job = parse_job(full_job, "test.cfg");

  EXPECT_THAT(values_of(job, "grid.p"), ElementsAre(200, 400));
  EXPECT_THAT(values_of(job, "grid.lambda"), ElementsAre(0, 0.1));
  EXPECT_THAT(values_of(job, "grid.activation"), ElementsAre(0, 2));
  EXPECT_EQ(values_of(job, "grid.rule").size(), 2U);
  EXPECT_EQ(values_of(job, "grid.seed").size(), 5U);
  EXPECT_EQ(job.data().samples, 20);
  EXPECT_EQ(job.data().inputs, 30);
  EXPECT_EQ(job.data().test_samples, 10);
  EXPECT_EQ(job.data().input_law, InputLaw::gaussian_scaled);
  EXPECT_EQ(job.data().label_noise, 0.5);
  EXPECT_EQ(job.data().teacher_width, 64);
  const Plan plan(job);
  EXPECT_EQ(plan.at(0).step_size, 1e-4);
  EXPECT_EQ(plan.at(plan.size() - 1).step_size, 0.5);
  EXPECT_TRUE(job.training().schedule == Schedule(ExponentialSchedule{{0.999}}));
  EXPECT_TRUE(job.training().stop == StopRule(PlateauStop{{1e-4, 100}}));
  EXPECT_EQ(job.training().precision, Precision::float64);
  EXPECT_EQ(Plan(job).recorded_steps().front(), 0);
  EXPECT_EQ(Plan(job).recorded_steps().back(), 1000);
  EXPECT_THAT(job.metrics, ElementsAre(0, 3));
}

TEST(Job, ResolvedTextIsAFixedPoint) {
  for (const char* text : {full_job, "[grid]\np = 3\n"}) {
    const std::string resolved = resolved_text(parse_job(text, "test.cfg"));
    EXPECT_EQ(resolved_text(parse_stored_job(resolved, "resolved")), resolved);
  }
}

TEST(Job, RichnessIsLazyUnlessANumberIsGiven) {
  const std::string text = "[grid]\np = 4, 9\n[training]\nrichness = ";
  EXPECT_EQ(parse_job("[grid]\np = 3\n", "test.cfg").training().richness, lazy);
  EXPECT_THAT(values_of(parse_job(text + "lazy, 0.5\n", "test.cfg"), "training.richness"), ElementsAre(lazy, 0.5));
  EXPECT_NEAR(Plan(parse_job(text + "1 / sqrt(p)\n", "test.cfg")).point(1).training.richness, 1. / 3, 1e-14);
  EXPECT_THAT(error_of(text + "-1\n"), HasSubstr("not a number > 0"));
  EXPECT_THAT(error_of(text + "1\noutput-scale = one\n"), HasSubstr("output-scale = root-width"));
}

TEST(Job, TakesLawsOfInitialWeightsWithFormulasInThem) {
  const std::string text = "[grid]\np = 4, 16\n[training]\n";
  const Plan plan(parse_job(text + "initial-weights = gaussian-scaled, uniform(1 / sqrt(p))\n", "test.cfg"));
  ASSERT_EQ(plan.size(), 4);
  std::vector<WeightLaw> laws;
  for (std::int64_t run = 0; run < 4; ++run) {
    laws.push_back(plan.point(run).training.initial_weights);
  }
  for (const WeightLaw& law :
       {WeightLaw(GaussianScaledLaw{}), WeightLaw(UniformLaw{{}, {0.5}}), WeightLaw(UniformLaw{{}, {0.25}})}) {
    EXPECT_THAT(laws, Contains(law));
  }
  EXPECT_EQ(parse_job(text + "initial-weights = uniform(0.5)\n", "test.cfg").training().initial_weights,
            WeightLaw(UniformLaw{{}, {0.5}}))
      << "not a range of numbers to sample";
  const Job other = parse_job(text + "initial-output = zero\ninitial-feedback = sparse(0.5, 2)\n", "test.cfg");
  EXPECT_EQ(other.training().initial_output, WeightLaw(ZeroLaw{}));
  EXPECT_EQ(other.training().initial_feedback, WeightLaw(SparseLaw{{}, {0.5, 2}}));
  const std::string resolved = resolved_text(other);
  EXPECT_THAT(resolved, HasSubstr("initial-feedback = sparse(0.5, 2)"));
  EXPECT_EQ(resolved_text(parse_stored_job(resolved, "resolved")), resolved);
  EXPECT_THAT(error_of(text + "initial-weights = sparse(0.5)\n"), HasSubstr("sparse takes (q, deviation)"));
  EXPECT_THAT(error_of(text + "initial-weights = sparse(1, 1)\n"), HasSubstr("0 <= q < 1"));
}

TEST(Job, LawsThatMeanNothingTogetherAreRefused) {
  const std::string text = "[grid]\np = 4\n[training]\n";
  EXPECT_THAT(error_of(text + "initial-biases = normal(1)\n"), HasSubstr("biases = yes"));
  EXPECT_THAT(error_of(text + "feedback-correlation = 0.5\ninitial-output = normal(2)\n"),
              HasSubstr("initial-feedback is another than initial-output"));
  const std::string both = "feedback-correlation = 0.5\ninitial-output = normal(2)\ninitial-feedback = normal(2)\n";
  EXPECT_NO_THROW(static_cast<void>(parse_job(text + both, "test.cfg")));
  EXPECT_THAT(error_of("[grid]\ndepth = 2\np = 4\n[training]\n" + both), HasSubstr("or initial-weights"));
}

TEST(Job, MetricsOfGbarNeedGaussianWeights) {
  const std::string text =
      "[grid]\np = 4\n[record]\nmetrics = expected_kernel_min_eigenvalue\n[training]\ninitial-weights = ";
  EXPECT_NO_THROW(static_cast<void>(parse_job(text + "he-normal(1)\n", "test.cfg")));
  EXPECT_NO_THROW(static_cast<void>(parse_job(text + "gaussian, orthogonal(1)\n", "test.cfg")))
      << "NaN where it is not";
  EXPECT_THAT(error_of(text + "orthogonal(1)\n"), HasSubstr("needs initial-weights of independent Gaussian numbers"));
}

TEST(Job, TakesTheCorrelationOfFeedbackAsAnAxis) {
  const std::string text = "[grid]\np = 4\n[training]\nfeedback-correlation = ";
  EXPECT_EQ(parse_job("[grid]\np = 3\n", "test.cfg").training().feedback_correlation, 0);
  EXPECT_THAT(values_of(parse_job(text + "-1, 0, 0.5\n", "test.cfg"), "training.feedback-correlation"),
              ElementsAre(-1, 0, 0.5));
  EXPECT_THROW(static_cast<void>(parse_job(text + "1.01\n", "test.cfg")), ConfigError);
}

TEST(Job, TakesTheDelayOfErrorsInFullBatch) {
  const std::string text = "[grid]\np = 4\n[data]\nn = 20\n[training]\nerror-delay = ";
  EXPECT_EQ(parse_job("[grid]\np = 3\n", "test.cfg").training().error_delay, 0);
  EXPECT_THAT(values_of(parse_job(text + "0, 5\n", "test.cfg"), "training.error-delay"), ElementsAre(0, 5));
  EXPECT_THAT(error_of(text + "-1\n"), HasSubstr("negative"));
  EXPECT_THAT(error_of(text + "1\nbatch-size = 5\n"), HasSubstr("other samples every step"));
  EXPECT_EQ(error_of(text + "0\nbatch-size = 5\n"), "accepted");
}

TEST(Job, DecaysTheLayersOfAList) {
  const auto decay_of = [](const std::string& value) {
    return parse_job("[grid]\np = 4\ndepth = 3\n[training]\ndecay = " + value + "\n", "test.cfg").training().decay;
  };
  EXPECT_EQ(decay_of("output"), Decay::output);
  EXPECT_EQ(decay_of("layers(output)"), Decay::output);
  EXPECT_EQ(decay_of("all"), Decay::all);
  EXPECT_EQ(decay_of("layers(3, output, 1)").layers, 0b1011U);
  EXPECT_EQ(decay_of("layers(2)").layers, 0b100U);

  const std::string text = "[grid]\np = 4\ndepth = 2\n[training]\ndecay = ";
  EXPECT_EQ(Plan(parse_job(text + "layers(output)\n", "test.cfg")).identity(0),
            Plan(parse_job("[grid]\np = 4\ndepth = 2\n", "test.cfg")).identity(0));
  const Plan axis(parse_job(text + "output, all, layers(2,output), layers(1)\n", "test.cfg"));
  ASSERT_EQ(axis.size(), 4);
  EXPECT_EQ(axis.point(2).training.decay.layers, 0b101U);
  EXPECT_EQ(axis.point(3).training.decay.layers, 0b10U);
  const std::string resolved = resolved_text(axis.job());
  EXPECT_EQ(resolved_text(parse_stored_job(resolved, "resolved")), resolved);
  const Plan one(parse_job(text + "layers(2,1)\n", "test.cfg"));
  EXPECT_THAT(resolved_text(one.job()), HasSubstr("decay = layers(1, 2)\n"));

  EXPECT_THAT(error_of(text + "layers(3)\n"), HasSubstr("there is no layer 3 at depth 2"));
  EXPECT_THAT(error_of(text + "layers(0)\n"), HasSubstr("'0' is neither a hidden layer from 1 to 16 nor output"));
  EXPECT_THAT(error_of(text + "layers(4294967297)\n"), HasSubstr("neither a hidden layer"));
  EXPECT_THAT(error_of(text + "layers(1, 1)\n"), HasSubstr("'1' stands there twice"));
  EXPECT_THAT(error_of(text + "layers\n"), HasSubstr("it names no layer"));
  EXPECT_THAT(error_of(text + "all(1)\n"), HasSubstr("'all' takes no layers"));
  EXPECT_THAT(error_of(text + "hidden\n"),
              AllOf(HasSubstr("'hidden' is not known"), HasSubstr("layers(1, 3, output)")));
}

TEST(Job, DepthIsAnAxisThatChangesNoPlanWithoutIt) {
  const std::string text = "[grid]\np = 4, 9\nseed = 0..1\n";
  const Job flat = parse_job(text, "test.cfg");
  EXPECT_EQ(resolved_text(flat).find("depth"), std::string::npos);
  EXPECT_EQ(resolved_text(parse_job(text + "depth = 1\n", "test.cfg")), resolved_text(flat));
  const Plan wide(flat);
  const Plan deep(parse_job(text + "depth = 1..3\n", "test.cfg"));
  ASSERT_EQ(deep.size(), 3 * wide.size());
  EXPECT_EQ(deep.problems(), wide.problems()) << "data, W_1, beta and b are shared";
  std::set<std::uint64_t> names;
  for (std::int64_t run = 0; run < deep.size(); ++run) {
    names.insert(deep.identity(run));
    EXPECT_EQ(deep.solver(run) == Solver::layered, deep.point(run).training.depth > 1);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(deep.size()));
  for (std::int64_t run = 0; run < wide.size(); ++run) {
    EXPECT_TRUE(names.contains(wide.identity(run)));
  }
  const std::string resolved = resolved_text(deep.job());
  EXPECT_EQ(resolved_text(parse_stored_job(resolved, "resolved")), resolved);
  EXPECT_THAT(error_of(text + "depth = 0\n"), HasSubstr("not between 1 and 16"));
  EXPECT_THAT(error_of(text + "depth = 17\n"), AllOf(HasSubstr("grid.depth"), HasSubstr("numbers from 1 to 16")));
}

TEST(Job, MetricsOfOneHiddenLayerNeedDepthOne) {
  const std::string text = "[grid]\np = 3\ndepth = 2\n[record]\nmetrics = ";
  EXPECT_THAT(error_of(text + "kernel_eigenvalues\n"), HasSubstr("kernel_eigenvalues needs grid.depth = 1"));
  EXPECT_THAT(error_of(text + "alignment_terms\n"), HasSubstr("needs grid.depth = 1"));
  EXPECT_EQ(parse_job(text + "loss, layer_weight_alignment\n", "test.cfg").metrics.size(), 2U);
}

TEST(Job, MetricsOfTheTheoryNeedThePapersSetting) {
  const std::string text = "[grid]\np = 3\n[record]\nmetrics = alignment_terms, slowest_contraction\n[training]\n";
  EXPECT_EQ(parse_job(text + "step-schedule = cutoff(3)\n", "test.cfg").metrics.size(), 2U);
  EXPECT_THAT(error_of(text + "batch-size = 5\n"), AllOf(HasSubstr("alignment_terms"), HasSubstr("every step")));
  EXPECT_THAT(error_of(text + "reduction = mean\n"), HasSubstr("summed"));
  EXPECT_THAT(error_of(text + "decay = all\n"), HasSubstr("decay of the output weights"));
}

TEST(Job, TheoremsSumGrowsAsTheRootOfTheWidth) {
  const Plan plan(
      parse_job("[grid]\np = 100, 400\nlambda = 0.5\n[data]\nn = 16\nd = 64\ninputs = gaussian-scaled, gaussian\n"
                "[training]\nstep-size = 0.25\nschedule = cutoff(theorem-sum / lambda)\n",
                "test.cfg"));
  const auto cutoff = [&](std::int64_t run) { return plan.point(run).training.schedule.values()[0]; };
  std::set<double> cutoffs;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    cutoffs.insert(std::round(1e9 * cutoff(run)) / 1e9);
  }
  // gamma = 1/4, M = 9/4: S = 1/8 sqrt(p) / (1/4 4 9/4) = sqrt(p) / 18; with N(0, 1) inputs times sqrt(64).
  EXPECT_THAT(cutoffs, ElementsAre(DoubleNear(10 / 9., 1e-8), DoubleNear(20 / 9., 1e-8), DoubleNear(80 / 9., 1e-8),
                                   DoubleNear(160 / 9., 1e-8)));
}

TEST(Job, OverridesWinOverTheFile) {
  const Job job = parse_job(full_job, "test.cfg", {{"data.n", "7"}, {"data.n", "8"}, {"grid.p", "5"}});
  EXPECT_EQ(job.data().samples, 8);
  EXPECT_THAT(values_of(job, "grid.p"), ElementsAre(5));
}

TEST(Job, ErrorsNameTheKeyTheValueAndWhatIsAccepted) {
  EXPECT_THAT(error_of("[grid]\np = 0\n"), AllOf(HasSubstr("grid.p"), HasSubstr("'0'"), HasSubstr("a*2^i..j")));
  EXPECT_THAT(error_of("[grid]\np = 3\nactivation = swish\n"),
              AllOf(HasSubstr("grid.activation"), HasSubstr("swish"), HasSubstr("sigmoid")));
  EXPECT_THAT(error_of("[grid]\np = 3\n[training]\nstop = plateau(1)\n"), HasSubstr("tolerance, window"));
  EXPECT_THAT(error_of("[grid]\np = 3\n[training]\nschedule = exponential(2)\n"), HasSubstr("0 < rate <= 1"));
  EXPECT_THAT(error_of("[grid]\np = 3\n[training]\nstep-size = relu:-1\n"), HasSubstr("positive"));
  EXPECT_THAT(error_of("[grid]\np = 3\n[record]\nmetrics = test_loss\n"), HasSubstr("data.test-n"));
}

TEST(Job, LinesThatAreNothingAreNamedByTheirNumber) {
  EXPECT_THAT(error_of("[grid]\np = 8\nnonsense\n"), HasSubstr("line 3, 'nonsense', is neither a [section]"));
  EXPECT_THAT(error_of("; which width?\n[grid]\n"), AllOf(HasSubstr("line 1"), HasSubstr("comments begin with #")));
  EXPECT_THAT(error_of("[grid]\np =\xc2\xa0"
                       "20\n"),
              AllOf(HasSubstr("line 2"), HasSubstr("no-break space, U+00A0")));
  EXPECT_THAT(error_of("[grid]\np = 8\n\xef\xbb\xbf[data]\n"), HasSubstr("U+FEFF"));
  EXPECT_THAT(error_of(std::string("\xff\xfe[\0g\0", 6)), HasSubstr("UTF-16"));
  EXPECT_THAT(error_of(std::string("[grid]\0", 7)), HasSubstr("not text"));
  EXPECT_THAT(error_of("\x89HDF\r\n"), HasSubstr("HDF5"));
  EXPECT_THAT(error_of("[grid]\n%canonical_option% = 1\n"), HasSubstr("'grid.%canonical_option%'"));
}

TEST(Job, MarksLineEndsAndCommentsAreNoPartOfValues) {
  const Job job = parse_job("\xef\xbb\xbf# widths\xc2\xa0\r\n[ grid ]\t# two\r\np = 5, 6\t# #\r\n", "test.cfg");
  EXPECT_THAT(values_of(job, "grid.p"), ElementsAre(5, 6));
  EXPECT_THAT(error_of("[grid]\np = 5#6\n"), HasSubstr("'5#6'"));
}

TEST(Job, PathsMayHoldWhatMeansSomethingElsewhere) {
  const auto path_of = [](const std::string& text) {
    const Job job = parse_job("[grid]\np = 8\n[data]\nsource = csv\npath = " + text +
                                  "\nn = 4\nd = 2\noutputs = 2\ntest-n = 0\nchecksum = 00000000\n",
                              "test.cfg");
    const Job again = parse_stored_job(resolved_text(job), "stored");
    EXPECT_EQ(again.data().path, job.data().path) << resolved_text(job);
    EXPECT_EQ(resolved_text(again), resolved_text(job));
    return job.data().path;
  };
  EXPECT_EQ(path_of("run#1.csv"), "run#1.csv");
  EXPECT_EQ(path_of("50%.csv # a comment"), "50%.csv");
  EXPECT_EQ(path_of("\"a b #1.csv\""), "a b #1.csv");
  EXPECT_EQ(path_of("\" a\xc2\xa0"
                    "b\" # a comment"),
            " a\xc2\xa0"
            "b");
  EXPECT_EQ(path_of("\"table.csv\""), "table.csv");
  EXPECT_EQ(path_of("\"default\""), "default");
  EXPECT_EQ(path_of("5\" disk.csv"), "5\" disk.csv");
  EXPECT_EQ(path_of("~/a.csv"), "~/a.csv");
}

TEST(Job, UnknownRepeatedMissingAndEmptyKeysAreErrors) {
  EXPECT_THAT(error_of("[grid]\np = 3\nwidth = 3\n"), AllOf(HasSubstr("grid.width"), HasSubstr("grid.p")));
  EXPECT_THAT(error_of("[grid]\np = 3\np = 4\n"), HasSubstr("twice"));
  EXPECT_THAT(error_of("[grid]\nlambda = 0\n"), AllOf(HasSubstr("grid.p"), HasSubstr("missing")));
  EXPECT_THAT(error_of("[grid]\np =\n"), HasSubstr("empty"));
  EXPECT_THAT(error_of("[grid]\np = 3, 3\n"), HasSubstr("twice"));
  EXPECT_THAT(error_of("[grid]\np = 3\nlambda = -1\n"), HasSubstr("negative"));
  EXPECT_THAT(error_of("nonsense\n"), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of("[grid]\np = 3\n", {{"grid.q", "1"}}), HasSubstr("grid.q"));
}

TEST(Job, GridsBeyondABillionRunsAreRefused) {
  EXPECT_THAT(error_of("[grid]\np = 1..10000\nseed = 0..99999\nlambda = linspace(0,1,10)\n"), HasSubstr("runs"));
}

TEST(Job, RecordedStepsAlwaysHoldFirstAndLast) {
  for (const char* steps : {"log(1)", "log(200)", "linear(7)", "every(300)"}) {
    const Job job = parse_job("[grid]\np = 3\n", "test.cfg", {{"training.max-steps", "1000"}, {"record.steps", steps}});
    const Plan plan(job);
    EXPECT_EQ(plan.recorded_steps().front(), 0) << steps;
    EXPECT_EQ(plan.recorded_steps().back(), 1000) << steps;
    EXPECT_TRUE(std::is_sorted(plan.recorded_steps().begin(), plan.recorded_steps().end()));
  }
  const Job none = parse_job("[grid]\np = 3\n[training]\nmax-steps = 0\n", "test.cfg");
  EXPECT_THAT(Plan(none).recorded_steps(), ElementsAre(0));
}

constexpr const char* network_job = R"([grid]
p = 8
[data]
n = 50
test-n = 10
[training]
reduction = mean
batch-size = 20
dropout = 0.25
output-scale = one
initial-weights = gaussian-scaled
biases = yes
decay = all
max-steps = 6 epochs
[record]
steps = epochs(2)
)";

TEST(Job, NetworkKeysReachTheirSettings) {
  const Job job = parse_job(network_job, "test.cfg");

  EXPECT_EQ(job.training().reduction, Reduction::mean);
  EXPECT_EQ(job.training().batch_size, 20);
  EXPECT_EQ(job.training().dropout, 0.25);
  EXPECT_EQ(job.training().output_scale, OutputScale::one);
  EXPECT_EQ(job.training().initial_weights, WeightLaw(GaussianScaledLaw{}));
  EXPECT_TRUE(job.training().biases);
  EXPECT_EQ(job.training().decay, Decay::all);
  EXPECT_EQ(Plan(job).point(0).training.max_steps, 18) << "three steps see 20, 20 and 10 of 50 samples";
  EXPECT_THAT(Plan(job).recorded_steps(), ElementsAre(0, 6, 12, 18));
  const std::string resolved = resolved_text(job);
  EXPECT_EQ(resolved_text(parse_stored_job(resolved, "resolved")), resolved);
}

TEST(Job, AnEpochOfFullBatchIsAStep) {
  const Job job =
      parse_job("[grid]\np = 3\n[training]\nmax-steps = 7 epochs\n[record]\nsteps = epochs(3)\n", "test.cfg");
  EXPECT_EQ(Plan(job).point(0).training.max_steps, 7);
  EXPECT_THAT(Plan(job).recorded_steps(), ElementsAre(0, 3, 6, 7));
}

TEST(Job, NetworkKeysAreChecked) {
  const auto error_with = [](const std::string& line) { return error_of("[grid]\np = 3\n[training]\n" + line + "\n"); };
  EXPECT_THAT(error_with("loss = cross-entropy"), AllOf(HasSubstr("numbers, not classes"), HasSubstr("squared")));
  EXPECT_THAT(error_with("batch-size = 51"), HasSubstr("between 1 and 50"));
  EXPECT_THAT(error_with("dropout = 1"), HasSubstr("not including 1"));
  EXPECT_THAT(error_with("biases = true"), HasSubstr("no, yes"));
  EXPECT_THAT(error_with("max-steps = 7 epoch"), HasSubstr("k epochs"));
  EXPECT_THAT(error_with("batch-size = 10\nstop = plateau(1e-4, 100)"), HasSubstr("make it random"));
  EXPECT_THAT(error_with("dropout = 0.1\nstop = loss-below(1)"), HasSubstr("make it random"));
  EXPECT_EQ(error_with("batch-size = 10\nstop = time(1)"), "accepted");
}

TEST(Job, FreshSamplesAndTeachersReachTheirSettings) {
  const Job job = parse_job(
      "[grid]\np = 4\n[data]\nsamples = fresh\nteacher = committee(0.5)\nteacher-width = 3\n[training]\nbatch-size = "
      "60\noutput-step-factor = 2 / d\n",
      "test.cfg");

  EXPECT_EQ(job.data().sampling, Sampling::fresh);
  EXPECT_EQ(job.data().teacher, TeacherLaw(CommitteeTeacher{{0.5}}));
  EXPECT_EQ(job.training().batch_size, 60) << "more than the 50 samples of the metrics";
  EXPECT_DOUBLE_EQ(Plan(job).point(0).training.output_step_factor, 0.0133333333333333) << "15 digits";
  const std::string resolved = resolved_text(job);
  EXPECT_THAT(resolved, HasSubstr("teacher = committee(0.5)\nsamples = fresh\n"));
  EXPECT_EQ(resolved_text(parse_stored_job(resolved, "resolved")), resolved);
}

TEST(Job, WhatFreshSamplesHaveNotIsRefusedByName) {
  const auto error_with = [](const std::string& training, const std::string& record = "every(1)") {
    return error_of("[grid]\np = 3\n[data]\nsamples = fresh\n[training]\n" + training +
                    "\n[record]\nsteps = " + record + "\n");
  };
  EXPECT_EQ(error_with("batch-size = 1"), "accepted");
  EXPECT_EQ(error_with("batch-size = 51\nstop = time(1)"), "accepted");
  EXPECT_THAT(error_with(""), AllOf(HasSubstr("training.batch-size"), HasSubstr("write a number")));
  EXPECT_THAT(error_with("batch-size = 1\nsample-order = as-in-data"), HasSubstr("training.sample-order"));
  EXPECT_THAT(error_with("batch-size = 1\nlast-batch = dropped"), HasSubstr("training.last-batch"));
  EXPECT_THAT(error_with("batch-size = 1\nmax-steps = 3 epochs"),
              AllOf(HasSubstr("training.max-steps"), HasSubstr("no epochs")));
  EXPECT_THAT(error_with("batch-size = 1", "epochs(1)"), AllOf(HasSubstr("record.steps"), HasSubstr("no epochs")));
  EXPECT_THAT(error_with("batch-size = 1\nerror-delay = 1"), HasSubstr("training.error-delay"));
  EXPECT_THAT(error_with("batch-size = 1\nstop = loss-below(1)"), HasSubstr("training.stop"));
  EXPECT_THAT(error_of("[grid]\np = 3\n[data]\nsource = csv\npath = a.csv\nsamples = fresh\n"),
              HasSubstr("data.source = csv has no such key"));
}

TEST(Job, TeachersAreChecked) {
  const auto error_with = [](const std::string& data) { return error_of("[grid]\np = 3\n[data]\n" + data + "\n"); };
  EXPECT_EQ(error_with("teacher = linear(1 / sqrt(d))"), "accepted");
  EXPECT_THAT(error_with("teacher = linear"), HasSubstr("linear takes (most)"));
  EXPECT_THAT(error_with("teacher = linear(0)"), HasSubstr("most > 0"));
  EXPECT_THAT(error_with("teacher = committee(0)"), HasSubstr("other than 0"));
  EXPECT_THAT(error_with("teacher = linear(1)\nteacher-width = 3"), HasSubstr("no hidden units"));
}

TEST(Job, OverlapsAreOfFewUnitsOfATeacherNetwork) {
  const auto error_with = [](const std::string& p, const std::string& data) {
    return error_of("[grid]\np = " + p + "\n[data]\n" + data + "\n[record]\nmetrics = student_overlaps\n");
  };
  EXPECT_EQ(error_with("20", "n = 5"), "accepted");
  EXPECT_EQ(error_with("10, 30", "n = 5"), "accepted") << "wider runs have none";
  EXPECT_THAT(error_with("21", "n = 5"), HasSubstr("up to 20 hidden units"));
  EXPECT_THAT(error_with("4", "teacher-width = 21"), HasSubstr("up to 20 hidden units"));
  EXPECT_THAT(error_with("4", "teacher = linear(1)"), HasSubstr("a teacher that is a network"));
  EXPECT_THAT(error_with("4", "outputs = 2"), HasSubstr("one output"));
}

TEST(Job, DefaultMetricsAreThoseThatSaySomething) {
  const auto has = [](const std::string& text, auto metric) {
    const std::vector<int> metrics = parse_job("[grid]\np = 3\n" + text, "test.cfg").metrics;
    return std::find(metrics.begin(), metrics.end(), Metrics::index_of<decltype(metric)>()) != metrics.end();
  };
  EXPECT_TRUE(has("", LossMetric()));
  EXPECT_FALSE(has("", BatchLossMetric()));
  EXPECT_FALSE(has("", SignalAlignmentMetric())) << "one output";
  EXPECT_FALSE(has("", TestLossMetric()));
  EXPECT_FALSE(has("", AccuracyMetric()));
  EXPECT_TRUE(has("[training]\nbatch-size = 7\n", BatchLossMetric()));
  EXPECT_FALSE(has("[training]\nbatch-size = 7\n", LossMetric()));
  EXPECT_TRUE(has("[training]\nbatch-size = 7\n[record]\nmetrics = loss\n", LossMetric()));
  EXPECT_TRUE(has("[training]\ndropout = 0.5\n", LossMetric()));
  EXPECT_THAT(error_of("[grid]\np = 3\n[record]\nmetrics = accuracy\n"), HasSubstr("accuracy needs classes"));
  EXPECT_FALSE(has("", SamplesWithoutSignalMetric()));
  EXPECT_THAT(error_of("[grid]\np = 3\n[record]\nmetrics = samples_without_signal\n"),
              HasSubstr("samples_without_signal needs a network with several outputs"));
}

TEST(Job, LaterKeysAtTheirDefaultsAreNoPartOfARunsName) {
  const Job job = parse_job("[grid]\np = 3\n", "test.cfg");
  const Job other = parse_job("[grid]\np = 3\n[training]\ndropout = 0.5\n", "test.cfg");
  EXPECT_THAT(first_settings(job),
              AllOf(HasSubstr("max-steps = 20000"), Not(HasSubstr("dropout")), Not(HasSubstr("loss ="))));
  EXPECT_THAT(first_settings(other), HasSubstr("training.dropout = 0.5"));
  EXPECT_THAT(resolved_text(job), HasSubstr("dropout = 0"));
  EXPECT_NE(plan_hash(resolved_text(job)), plan_hash(resolved_text(other)));
}

TEST(Job, SupersetHasNoDifferencesAndConflictsAreListed) {
  const Job stored = parse_job(full_job, "test.cfg");
  EXPECT_THAT(differences(stored, parse_job(full_job, "test.cfg", {{"grid.seed", "0..9"}})), IsEmpty());
  // The relu step size is in no stored run.
  EXPECT_THAT(
      differences(stored, parse_job(full_job, "test.cfg", {{"training.step-size", "linear:1e-4, tanh:0.5, relu:7"}})),
      IsEmpty());
  EXPECT_THAT(differences(stored, parse_job(full_job, "test.cfg", {{"grid.seed", "0..3"}, {"data.n", "21"}})),
              ElementsAre(HasSubstr("grid.seed: file has 0..4, job wants 0..3"), HasSubstr("data.n")));
}

constexpr const char* set_job = "[grid]\np = 3\n[data]\nsource = mnist\n";
constexpr const char* teacher_job = "[grid]\np = 3\n";

/// What a plan sees of a data set.
Dataset small_set() {
  Dataset dataset;
  dataset.samples = 6;
  dataset.test_samples = 2;
  dataset.inputs = 4;
  dataset.outputs = 10;
  dataset.checksum = 0x00c0ffee;
  return dataset;
}

Job parse_set_job(const KeyValues& more = {}) {
  KeyValues known = facts_of(small_set());
  known.insert(known.end(), more.begin(), more.end());
  return parse_job(set_job, "test.cfg", known);
}

TEST(Job, DataKeysAreReadBeforeTheSetIs) {
  DataSettings data;
  static_cast<void>(parse_job(set_job, "test.cfg", {{"data.test-n", "7"}}, [&](const DataSettings& settings) {
    data = settings;
    return facts_of(small_set());
  }));

  EXPECT_EQ(data.source, DataSource::mnist);
  EXPECT_EQ(data.path, "data/mnist");
  EXPECT_EQ(data.targets, Targets::classes);
  EXPECT_EQ(data.normalize, Normalize::global);
  EXPECT_EQ(data.samples, as_in_data);
  EXPECT_EQ(data.inputs, as_in_data);
  EXPECT_EQ(data.outputs, as_in_data);
  EXPECT_EQ(data.test_samples, 7);
  EXPECT_FALSE(data.checksum);
}

/// The facts of a set that has as many samples as are asked for, another checksum for each normalisation and size.
KeyValues facts_of_settings(const DataSettings& settings) {
  Dataset dataset = small_set();
  dataset.samples = settings.samples == as_in_data ? dataset.samples : settings.samples;
  dataset.checksum += 100U * static_cast<unsigned>(settings.normalize) + static_cast<unsigned>(dataset.samples);
  return facts_of(dataset);
}

TEST(Job, ListsOfDataKeysAreAGridForEachSet) {
  std::vector<int> read;
  const Job job = parse_job(set_job, "test.cfg", {{"data.n", "3, all"}, {"data.normalize", "none, global"}},
                            [&](const DataSettings& settings) {
                              read.push_back(settings.samples);
                              return facts_of_settings(settings);
                            });

  EXPECT_EQ(read.size(), 4U) << "each set once";
  ASSERT_EQ(job.grids.size(), 4U);
  const std::vector<DataSettings> sets = data_sets_of(job);
  ASSERT_EQ(sets.size(), 4U);
  std::set<std::string> kinds;
  for (const DataSettings& set : sets) {
    kinds.insert(std::to_string(set.samples) + std::string(normalize_names[static_cast<std::size_t>(set.normalize)]));
    EXPECT_EQ(set.inputs, 4);
  }
  EXPECT_EQ(kinds.size(), 4U);
  const std::string resolved = resolved_text(job);
  EXPECT_EQ(resolved_text(parse_stored_job(resolved, "resolved")), resolved);
  const Job alone = parse_job(set_job, "test.cfg", {{"data.n", "3"}, {"data.normalize", "none"}}, facts_of_settings);
  EXPECT_EQ(first_settings(job), first_settings(alone)) << "runs are called as in a job of their set alone";
}

TEST(Job, GridsMayReadSetsInSeveralPlacesThatMove) {
  const auto parse = [](const std::string& first, const std::string& second) {
    return parse_job("[grid]\np = 4\ndata.path = " + first + "\n[grid]\np = 4\ndata.path = " + second +
                         "\ndata.n = 5\n[data]\nsource = mnist\n",
                     "test.cfg", {}, facts_of_settings);
  };
  const Job job = parse("here", "there");

  EXPECT_EQ(data_sets_of(job).size(), 2U);
  EXPECT_EQ(plan_hash(resolved_text(job)), plan_hash(resolved_text(parse("elsewhere", "there"))));
  EXPECT_THAT(differences(job, parse("a", "b")), IsEmpty());
}

TEST(Job, SetsThatFollowFromOtherValuesAreRefused) {
  for (const KeyValues& values : {KeyValues{{"data.n", "round(p / 2)"}},
                                  KeyValues{{"data.n", "3, 6"}, {"grid.seed", "0..1"}, {"grid.zip", "n, seed"}}}) {
    KeyValues known = facts_of(small_set());
    std::erase_if(known, [](const auto& fact) { return fact.first == "data.n"; });
    known.insert(known.end(), values.begin(), values.end());
    EXPECT_THAT(error_of(set_job, known), HasSubstr("give each its own [grid] section"));
  }
  EXPECT_THAT(error_of("[grid]\np = 3\n[grid]\np = 4\ndata.source = mnist\n", {}, facts_of_settings),
              HasSubstr("either teachers or data sets"));
}

TEST(Job, ResolvedTextOfASetNeedsNoSet) {
  const std::string resolved = resolved_text(parse_set_job());
  const Job job = parse_stored_job(resolved, "resolved");

  EXPECT_EQ(resolved_text(job), resolved);
  EXPECT_EQ(job.data().samples, 6);
  EXPECT_EQ(job.data().inputs, 4);
  EXPECT_EQ(job.data().outputs, 10);
  EXPECT_EQ(job.data().test_samples, 2);
  EXPECT_EQ(job.data().checksum, 0x00c0ffeeU);
  EXPECT_THAT(resolved, HasSubstr("checksum = 00c0ffee\n"));
}

TEST(Job, SetThatWasNotReadIsRefused) {
  for (const auto& [key, value] : facts_of(small_set())) {
    KeyValues known = facts_of(small_set());
    std::erase_if(known, [&, name = key](const auto& fact) { return fact.first == name; });
    EXPECT_THAT(error_of(set_job, known), HasSubstr("does not say what its data set is")) << key << " " << value;
  }
}

TEST(Job, KeysOfTeachersAndOfSetsExcludeEachOther) {
  for (const char* key : {"data.inputs", "data.label-noise", "data.teacher-width"}) {
    EXPECT_THAT(error_of(set_job, {{key, "1"}}),
                AllOf(HasSubstr(key), HasSubstr("data.source = mnist has no such key")));
  }
  for (const char* key : {"data.path", "data.targets", "data.normalize", "data.checksum"}) {
    EXPECT_THAT(error_of(teacher_job, {{key, "1"}}),
                AllOf(HasSubstr(key), HasSubstr("data.source = teacher has no such key")));
  }
  EXPECT_THAT(error_of(teacher_job, {{"data.n", "all"}}), HasSubstr("data.n"));
}

TEST(Job, TablesNeedAPathThatAJobFileCanHold) {
  EXPECT_THAT(error_of(teacher_job, {{"data.source", "csv"}}), AllOf(HasSubstr("data.path"), HasSubstr("missing")));
  for (const char* path : {"", "a #b.csv", "a\nb.csv"}) {
    EXPECT_THAT(error_of(teacher_job, {{"data.source", "csv"}, {"data.path", path}}), HasSubstr("data.path")) << path;
  }
}

TEST(Job, DataMayMoveAndNotChange) {
  const Job stored = parse_set_job();
  const Job moved = parse_set_job({{"data.path", "elsewhere"}});
  const Job other = parse_set_job({{"data.checksum", "00000001"}});

  EXPECT_THAT(differences(stored, moved), IsEmpty());
  EXPECT_EQ(plan_hash(resolved_text(stored)), plan_hash(resolved_text(moved)));
  EXPECT_EQ(first_settings(stored), first_settings(moved));
  EXPECT_THAT(differences(stored, other),
              ElementsAre("data.checksum: file has 00c0ffee, job wants 00000001 (other data)"));
  EXPECT_NE(plan_hash(resolved_text(stored)), plan_hash(resolved_text(other)));
  EXPECT_NE(first_settings(stored), first_settings(other));
}

/// What a plan sees of the state of a network with 3 hidden units, 4 inputs and 1 output.
InitialState small_state() {
  InitialState state;
  state.width = 3;
  state.inputs = 4;
  state.outputs = 1;
  state.checksum = 0x00c0ffee;
  return state;
}

constexpr const char* state_job = "[grid]\np = 3\n[data]\nd = 4\n[training]\ninitial-state = start.h5\n";

Job parse_state_job(const std::string& text, const KeyValues& more = {}) {
  return parse_job(text, "test.cfg", more, {}, [](const StateSource& /*source*/) { return facts_of(small_state()); });
}

TEST(Job, InitialStatesAreReadOnceAndKnownByTheirChecksum) {
  std::vector<std::string> read;
  const Job job = parse_job(
      "[grid]\np = 3\ntraining.initial-state = a b.h5\n[grid]\np = 5\ntraining.initial-state = a b.h5\n[grid]\np = 3\n"
      "[data]\nd = 4\n[training]\ninitial-state = \"none\"\n",
      "test.cfg", {}, {}, [&](const StateSource& source) {
        read.push_back(source.path);
        InitialState state = small_state();
        state.checksum += static_cast<unsigned>(read.size());
        return facts_of(state);
      });

  EXPECT_THAT(read, ElementsAre("a b.h5", "none"));
  const std::vector<StateSource> states = initial_states_of(job);
  ASSERT_EQ(states.size(), 2U);
  EXPECT_EQ(states[0], (StateSource{"a b.h5", 0x00c0ffefU}));
  EXPECT_EQ(states[1], (StateSource{"none", 0x00c0fff0U}));
  const std::string resolved = resolved_text(job);
  EXPECT_EQ(resolved_text(parse_stored_job(resolved, "resolved")), resolved);
  EXPECT_THAT(resolved, AllOf(HasSubstr("initial-state = a b.h5\n"), HasSubstr("initial-state = \"none\"\n")));
}

TEST(Job, InitialStatesMayMoveAndNotChange) {
  const Job stored = parse_state_job(state_job);
  const Job moved = parse_state_job(state_job, {{"training.initial-state", "elsewhere.h5"}});
  const Job other = parse_job(state_job, "test.cfg", {{"training.initial-checksum", "00000001"}});
  const Job drawn = parse_state_job(state_job, {{"training.initial-state", "none"}});

  EXPECT_THAT(differences(stored, moved), IsEmpty());
  EXPECT_EQ(plan_hash(resolved_text(stored)), plan_hash(resolved_text(moved)));
  EXPECT_EQ(first_settings(stored), first_settings(moved));
  for (const Job* job : {&other, &drawn}) {
    EXPECT_THAT(differences(stored, *job),
                ElementsAre(AllOf(HasSubstr("training.initial-checksum: file has 00c0ffee, job wants "),
                                  HasSubstr("(another initial state)"))));
    EXPECT_NE(plan_hash(resolved_text(stored)), plan_hash(resolved_text(*job)));
    EXPECT_NE(first_settings(stored), first_settings(*job));
  }
}

TEST(Job, JobsWithoutAnInitialStateAreStoredAsBefore) {
  const std::string text = resolved_text(parse_job(teacher_job, "test.cfg"));
  EXPECT_THAT(text, Not(HasSubstr("initial-state")));
  EXPECT_THAT(text, Not(HasSubstr("initial-checksum")));
  EXPECT_EQ(resolved_text(parse_job(teacher_job, "test.cfg", {{"training.initial-state", "none"}})), text);
}

TEST(Job, InitialStateThatWasNotReadIsRefused) {
  EXPECT_THAT(error_of(state_job), AllOf(HasSubstr("does not say what is in its training.initial-state"),
                                         HasSubstr("training.initial-checksum is found")));
  EXPECT_THAT(error_of(teacher_job, {{"training.initial-checksum", "00c0ffee"}}),
              HasSubstr("there is no initial state"));
  EXPECT_THAT(error_of(teacher_job, {{"training.initial-checksum", "c0ffee"}}), HasSubstr("8 hexadecimal digits"));
}

TEST(Job, KeysThatAnInitialStateMakesMeaninglessAreRefused) {
  const KeyValues values{{"training.initial-weights", "zero"},
                         {"training.initial-output", "zero"},
                         {"training.initial-feedback", "zero"},
                         {"training.richness", "1"},
                         {"training.feedback-correlation", "1"},
                         {"training.initial-biases", "gaussian"},
                         {"grid.depth", "2"}};
  for (const auto& [key, value] : values) {
    KeyValues given = facts_of(small_state());
    given.insert(given.end(), {{key, value}, {"training.biases", "yes"}});
    EXPECT_THAT(error_of(state_job, given), AllOf(HasSubstr("key '" + key + "' = '" + value +
                                                            "' is not accepted (training.initial-state 'start.h5'"),
                                                  HasSubstr("leave ")));
  }
}

/// The refusal of a job whose state does not fit.
std::string misfit_of(const InitialState& state, const KeyValues& values) {
  try {
    require_fitting_states(parse_state_job(state_job, values), std::span(&state, 1));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Job, RunsOfOtherSizesThanTheirInitialStateAreRefused) {
  InitialState biased = small_state();
  biased.hidden_bias.resize(3);
  const auto misfit = [](const std::string& key, const std::string& value, const std::string& has) {
    return HasSubstr("key '" + key + "' = '" + value + "' is not accepted (the initial state in 'start.h5' has " + has);
  };
  EXPECT_EQ(misfit_of(small_state(), {{"grid.seed", "0..2"}}), "");
  EXPECT_EQ(misfit_of(biased, {{"training.biases", "yes"}}), "");
  EXPECT_THAT(misfit_of(small_state(), {{"grid.p", "3, 5"}}), misfit("grid.p", "5", "p = 3); write p = 3"));
  EXPECT_THAT(misfit_of(small_state(), {{"data.d", "p"}}), misfit("data.d", "3", "d = 4); write d = 4"));
  EXPECT_THAT(misfit_of(small_state(), {{"data.outputs", "2"}}),
              misfit("data.outputs", "2", "k = 1); write outputs = 1"));
  EXPECT_THAT(misfit_of(small_state(), {{"training.biases", "yes"}}),
              misfit("training.biases", "yes", "no hidden_bias"));
  EXPECT_THAT(misfit_of(biased, {}),
              misfit("training.biases", "no", "hidden_bias and output_bias); write biases = yes"));
}

TEST(Job, MetricsOfGaussianWeightsAreNotThoseOfAnInitialState) {
  KeyValues given = facts_of(small_state());
  given.emplace_back("record.metrics", "infinite_width_deviation");
  EXPECT_THAT(error_of(state_job, given), HasSubstr("needs initial-weights of independent Gaussian numbers"));
}

TEST(Job, WaysToFindTheDataAreNoPartOfThePlan) {
  const auto parse = [](const KeyValues& more) {
    return parse_job("[grid]\np = 4\n[data]\nsource = csv\npath = table.csv\n", "test.cfg", more,
                     [](const DataSettings& /*settings*/) { return facts_of(small_set()); });
  };
  const Job plain = parse({});
  const std::string text = resolved_text(plain);
  for (const char* word : {"target =", "header =", "split ="}) {
    EXPECT_THAT(text, Not(HasSubstr(word))) << "as versions without the key wrote it";
  }
  for (const auto& [key, value] :
       {std::pair{"data.target", "a, 3"}, std::pair{"data.header", "yes"}, std::pair{"data.split", "stratified(12)"}}) {
    const Job said = parse({{key, value}});

    EXPECT_THAT(resolved_text(said), HasSubstr(std::string(key).substr(5) + " = " + value + "\n"));
    EXPECT_EQ(resolved_text(parse_stored_job(resolved_text(said), "resolved")), resolved_text(said));
    EXPECT_EQ(plan_hash(resolved_text(said)), plan_hash(text)) << key;
    EXPECT_EQ(first_settings(said), first_settings(plain)) << key;
    EXPECT_THAT(differences(plain, said), IsEmpty()) << key;
  }
}

TEST(Job, EachGridMayFindItsDataInItsOwnWay) {
  const Job job = parse_job(
      "[grid]\np = 4\ndata.source = hdf5\ndata.path = a.h5\n[grid]\np = 4\ndata.source = csv\ndata.path = b.csv\n"
      "data.target = label\ndata.n = 3\n",
      "test.cfg", {}, facts_of_settings);

  ASSERT_EQ(job.grids.size(), 2U);
  EXPECT_EQ(job.grids[0].base().data.target, "auto");
  EXPECT_EQ(job.grids[1].base().data.target, "label");
  const std::string text = resolved_text(job);
  EXPECT_EQ(resolved_text(parse_stored_job(text, "resolved")), text);
}

TEST(Job, SplitsThatAreNoneAreRefused) {
  for (const auto& [value, why] :
       {std::pair{"shuffled", "takes one seed"}, std::pair{"last(1)", "takes no seed"},
        std::pair{"shuffled(1.5)", "not a whole number"}, std::pair{"stratifed(1)", "did you mean 'stratified'"}}) {
    EXPECT_THAT(error_of(set_job, {{"data.split", value}}), AllOf(HasSubstr("data.split"), HasSubstr(why))) << value;
  }
}

}  // namespace
}  // namespace fasweep
