// Which slides are in a window, and what came in with each.
#pragma once

#include <vector>

#include "streaming/state/state_store.hpp"
#include "streaming/windows/reduced_window.hpp"

namespace millrace::detail {

class unit_memory : public state_memory {
 public:
  explicit unit_memory(window_units window) : window_(window) {}

  void track() final { tracked_ = true; }
  void renumber(const std::vector<std::uint32_t>& ids) override;
  void restore(keyed_table& table, std::int64_t number, unit_list units) override;

  std::shared_ptr<const unit_list> units() const final {
    return std::make_shared<const unit_list>(units_);
  }
  const unit_list& in_window() const { return units_; }
  /// Of the units that were there, those up to this one leave with the batch.
  std::int64_t leaving_with(std::int64_t batch) const {
    return batch * window_.slide - window_.length;
  }

  /// The last that `compute` does: takes the inputs, a unit each. `with_values`: they are needed
  /// later. Inputs that a tracked window needs no more are kept for checkpoints.
  void stage(state_work& work, bool with_values);
  /// What was staged is in the window.
  void enter(std::int64_t batch) noexcept;

 private:
  window_units window_;
  bool tracked_ = false;
  unit_list units_;
  unit_list coming_;  // of one attempt only
};

}  // namespace millrace::detail
