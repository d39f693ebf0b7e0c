// sample, random_split, sample_by_key: rows by chance, the same for the same seed.
#include <cmath>
#include <string>
#include <utility>

#include "dataset/operations/chosen_rows.hpp"
#include "dataset/random.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_index.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

/// Each row with a number of its own that falls into [low, high).
class cell_chooser final : public row_chooser {
 public:
  cell_chooser(double low, double high, partition_random random)
      : low_(low), high_(high), random_(std::move(random)) {}
  void choose(const chunk& rows, std::uint32_t* times) override {
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      const double x = random_.uniform();
      times[i] = x >= low_ && x < high_ ? 1 : 0;
    }
  }

 private:
  double low_;
  double high_;
  partition_random random_;
};

class poisson_chooser final : public row_chooser {
 public:
  poisson_chooser(double mean, partition_random random) : mean_(mean), random_(std::move(random)) {}
  void choose(const chunk& rows, std::uint32_t* times) override {
    for (std::uint32_t i = 0; i < rows.count; ++i) times[i] = random_.poisson(mean_);
  }

 private:
  double mean_;
  partition_random random_;
};

class sampled_node final : public chosen_node {
 public:
  sampled_node(facts f, bool replacement, double low, double high, std::uint64_t seed)
      : chosen_node(std::move(f)), replacement_(replacement), low_(low), high_(high), seed_(seed) {}

 protected:
  std::unique_ptr<row_chooser> chooser(int partition) const override {
    partition_random random(seed_, partition);
    if (replacement_) return std::make_unique<poisson_chooser>(high_, std::move(random));
    return std::make_unique<cell_chooser>(low_, high_, std::move(random));
  }

 private:
  bool replacement_;
  double low_;
  double high_;
  std::uint64_t seed_;
};

node::facts facts_beside(const node_ptr& parent, std::string_view operation) {
  return {parent->context(), &parent->rows(), operation, parent->partitions(), {parent}, {},
          parent->by_key()};
}

void check_fraction(std::string_view operation, bool replacement, double fraction) {
  if (fraction >= 0 && (fraction <= 1 || (replacement && std::isfinite(fraction)))) return;
  throw usage_error(std::string(operation) +
                    (replacement ? ": the fraction must be given, and not be negative: "
                                 : ": the fraction must be given, from 0 to 1: ") +
                    std::to_string(fraction));
}

class key_chooser final : public row_chooser {
 public:
  key_chooser(const row_type& rows, const indexed_rows& fractions, bool replacement,
              partition_random random)
      : rows_(rows), fractions_(fractions), replacement_(replacement), random_(std::move(random)) {}
  void choose(const chunk& rows, std::uint32_t* times) override {
    const char* key = static_cast<const char*>(rows.rows) + rows_.field(0).offset;
    for (std::uint32_t i = 0; i < rows.count; ++i, key += rows_.size) {
      const void* found = fractions_.find(key);
      if (found == nullptr) {
        std::string text = "sample_by_key: no fraction is given for the key ";
        print_row(*rows_.field(0).type, key, text);
        throw usage_error(text);
      }
      const double fraction = fractions_.value<double>(found);
      times[i] = replacement_ ? random_.poisson(fraction) : random_.uniform() < fraction ? 1 : 0;
    }
  }

 private:
  const row_type& rows_;
  const indexed_rows& fractions_;
  bool replacement_;
  partition_random random_;
};

class sampled_by_key_node final : public chosen_node {
 public:
  sampled_by_key_node(facts f, bool replacement, row_buffer fractions, std::uint64_t seed)
      : chosen_node(std::move(f)),
        replacement_(replacement),
        fractions_(std::move(fractions)),
        seed_(seed) {}

 protected:
  std::unique_ptr<row_chooser> chooser(int partition) const override {
    return std::make_unique<key_chooser>(rows(), fractions_, replacement_,
                                         partition_random(seed_, partition));
  }

 private:
  bool replacement_;
  indexed_rows fractions_;
  std::uint64_t seed_;
};

}  // namespace

node_ptr sample(const node_ptr& parent, bool replacement, double fraction, std::uint64_t seed) {
  check_fraction("sample", replacement, fraction);
  return std::make_shared<sampled_node>(facts_beside(parent, "sample"), replacement, 0, fraction,
                                        seed);
}

std::vector<node_ptr> random_split(const node_ptr& parent, const std::vector<double>& weights,
                                   std::uint64_t seed) {
  double total = 0;
  for (const double w : weights) {
    if (!(w >= 0) || !std::isfinite(w))
      throw usage_error("random_split: a weight must not be negative: " + std::to_string(w));
    total += w;
  }
  if (!(total > 0) || !std::isfinite(total))
    throw usage_error("random_split: the sum of the weights must be positive: " +
                      std::to_string(total));
  std::vector<node_ptr> parts;
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double low = sum / total;
    sum += weights[i];
    // The last cell ends at 1 whatever was rounded: no row is lost.
    const double high = i + 1 == weights.size() ? 1 : sum / total;
    parts.push_back(std::make_shared<sampled_node>(facts_beside(parent, "random_split"), false, low,
                                                   high, seed));
  }
  return parts;
}

node_ptr sample_by_key(const node_ptr& parent, bool replacement, row_buffer fractions,
                       std::uint64_t seed) {
  for (std::size_t i = 0; i < fractions.size(); ++i)
    check_fraction("sample_by_key", replacement,
                   *reinterpret_cast<const double*>(static_cast<const char*>(fractions.row(i)) +
                                                    fractions.type().field(1).offset));
  return std::make_shared<sampled_by_key_node>(facts_beside(parent, "sample_by_key"), replacement,
                                               std::move(fractions), seed);
}

}  // namespace millrace::detail
