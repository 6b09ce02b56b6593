#include "model/settings.hpp"

namespace fasweep {

std::vector<std::string_view> KeySet::names() const {
  std::vector<std::string_view> names;
  for (const std::string_view key : setting_keys) {
    if (contains(key)) {
      names.push_back(key);
    }
  }
  return names;
}

// A field that is added does not compile here until its key is listed.
KeySet changed_settings(const DataSettings& data, const TrainingSettings& training) {
  const auto& [source, path, samples, inputs, outputs, test_samples, targets, normalize, checksum, input_law,
               label_noise, teacher_width, draw, target, header, split, teacher, sampling] = data;
  const auto& [schedule, max_steps, stop, precision, loss, reduction, batch_size, sample_order, last_batch, dropout,
               output_scale, initial_weights, initial_output, initial_feedback, biases, initial_biases, decay,
               step_schedule, richness, feedback_correlation, optimizer, error_delay, mirror_step_size, mirror_decay,
               mirror_samples, target_step_size, inverse_step_size, inverse_noise, inverse_updates, initial_state,
               depth, output_step_factor] = training;
  static_cast<void>(mirror_step_size);
  static_cast<void>(mirror_decay);
  static_cast<void>(mirror_samples);
  static_cast<void>(target_step_size);
  static_cast<void>(inverse_step_size);
  static_cast<void>(inverse_noise);
  static_cast<void>(inverse_updates);
  static_cast<void>(batch_size);  // takes_minibatches() looks at it
  static const DataSettings usual_data;
  static const TrainingSettings usual;
  const bool is_read = source != DataSource::teacher;
  const std::array changed{source != usual_data.source,
                           is_read && !path.empty(),
                           samples != usual_data.samples,
                           inputs != usual_data.inputs,
                           outputs != usual_data.outputs,
                           test_samples != usual_data.test_samples,
                           targets != usual_data.targets,
                           is_read && normalize != usual_data.normalize,
                           is_read && checksum.has_value(),
                           input_law != usual_data.input_law,
                           label_noise != usual_data.label_noise,
                           teacher_width != usual_data.teacher_width,
                           teacher_width > 0 && draw != usual_data.draw,
                           target != usual_data.target,
                           header != usual_data.header,
                           split != usual_data.split,
                           teacher != usual_data.teacher,
                           sampling != usual_data.sampling,
                           !is_constant(schedule),
                           max_steps != usual.max_steps,
                           stop.position() != usual.stop.position(),
                           precision != usual.precision,
                           loss != usual.loss,
                           reduction != usual.reduction,
                           takes_minibatches(training, data),
                           takes_minibatches(training, data) && sample_order != usual.sample_order,
                           takes_minibatches(training, data) && last_batch != usual.last_batch,
                           dropout != usual.dropout,
                           output_scale != usual.output_scale,
                           initial_weights != usual.initial_weights,
                           initial_output != usual.initial_output,
                           initial_feedback != usual.initial_feedback,
                           biases != usual.biases,
                           biases && initial_biases != usual.initial_biases,
                           decay != usual.decay,
                           !is_constant(step_schedule),
                           richness != usual.richness,
                           feedback_correlation != usual.feedback_correlation,
                           !is_sgd(optimizer),
                           error_delay != usual.error_delay,
                           !initial_state.path.empty(),
                           depth != usual.depth,
                           output_step_factor != usual.output_step_factor};
  static_assert(changed.size() == setting_keys.size());
  KeySet keys;
  for (std::size_t key = 0; key < changed.size(); ++key) {
    if (changed[key]) {
      keys.insert(key);
    }
  }
  return keys;
}

}  // namespace fasweep
