#include "cli/isa.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.hpp"

namespace fasweep::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

bool is_here() {
  return true;
}

constexpr std::array old_and_new{InstructionSet{"old", is_here, nullptr}, InstructionSet{"new", is_here, nullptr}};
constexpr std::span<const InstructionSet> both = old_and_new;
const std::span<const InstructionSet> old_alone = both.first(1);

template <class Call>
std::string error_of(Call call) {
  try {
    static_cast<void>(call());
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Isa, TheBestThatAllHaveIsTakenUnlessOneIsWanted) {
  EXPECT_EQ(choose_isa(both, "").name, "new");
  EXPECT_EQ(choose_isa(old_alone, "").name, "old");
  EXPECT_EQ(choose_isa(both, "old").name, "old");
}

TEST(Isa, OneThatAProcessorLacksIsRefused) {
  EXPECT_THAT(error_of([] { return choose_isa(old_alone, "new"); }),
              AllOf(HasSubstr("'--isa' = 'new'"), HasSubstr("lacks it"), HasSubstr("write one of old")));
}

TEST(Isa, AFileKeepsItsOwnUnlessAnotherIsWanted) {
  EXPECT_EQ(choose_isa(both, "", "old").name, "old");
  EXPECT_EQ(choose_isa(both, "new", "old").name, "new");
  EXPECT_EQ(choose_isa(both, "", "").name, "new");
}

TEST(Isa, AFileWhoseOwnIsLackingGoesOnOnlyWhereThatIsSaid) {
  EXPECT_THAT(error_of([] { return choose_isa(old_alone, "", "new"); }),
              AllOf(HasSubstr("instruction set 'new'"), HasSubstr("go on with --isa old")));
  EXPECT_EQ(choose_isa(old_alone, "old", "new").name, "old");
}

TEST(Isa, ItIsReadAsItWasNoted) {
  const std::string first = "rank 0: node (1), 2 cpu workers" + isa_note("new") + "; device 0: a GPU (rev 2)\n";

  EXPECT_EQ(isa_of(first), "new");
  EXPECT_EQ(isa_of(first + "rank 0: node, 1 cpu workers" + isa_note("old") + "\n"), "old");
  EXPECT_EQ(isa_of("rank 0: node, 2 cpu workers\n"), "");
  EXPECT_EQ(isa_of(""), "");
  const std::string second = "rank 0: node, 1 cpu workers" + isa_note("old") + "\n";
  EXPECT_EQ(isas_of(first + second + first), (std::vector<std::string_view>{"new", "old"}));
  EXPECT_TRUE(isas_of("rank 0: node, 2 cpu workers\n").empty());
}

TEST(Isa, ThisProcessorHasAtLeastOne) {
  EXPECT_FALSE(isas_here().empty());
}

}  // namespace
}  // namespace fasweep::cli
