//! Names of tensors: those of the text decoder in a larger model, and those that are known to hold nothing to learn.

/// What a tensor of a checkpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// A parameter of the decoder, under its plain name.
    Parameter(String),
    /// A part of the model that sees.
    Sight,
    /// A table that is computed, and not learned.
    Buffer,
}

/// Beginnings of the decoder's names in a wrapper, and what they are in a plain decoder. Published files of LLaVA and Pixtral have the
/// first two, files that transformers 5 writes may have the third.
const WRAPPED: [(&str, &str); 3] =
    [("language_model.model.", "model."), ("language_model.lm_head.", "lm_head."), ("model.language_model.", "model.")];

/// Beginnings of the names of the parts that see.
const SIGHT: [&str; 9] = [
    "vision_tower.",
    "vision_model.",
    "vision_encoder.",
    "vision_language_adapter.",
    "multi_modal_projector.",
    "patch_merger.",
    "model.vision_tower.",
    "model.multi_modal_projector.",
    "image_newline",
];

/// The role of a tensor by its name.
pub(crate) fn role(name: &str, wrapped: bool) -> Role {
    if name.ends_with("rotary_emb.inv_freq") || name.ends_with(".masked_bias") {
        return Role::Buffer;
    }
    if wrapped {
        if SIGHT.iter().any(|start| name.starts_with(start)) {
            return Role::Sight;
        }
        for (start, plain) in WRAPPED {
            if let Some(rest) = name.strip_prefix(start) {
                return Role::Parameter(format!("{plain}{rest}"));
            }
        }
    }
    // A decoder that was saved without its head has no `model.` in its names.
    if ["embed_tokens.", "layers.", "norm."].iter().any(|start| name.starts_with(start)) {
        return Role::Parameter(format!("model.{name}"));
    }
    Role::Parameter(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_wrappers() {
        let parameter = |name: &str| Role::Parameter(name.to_owned());
        assert_eq!(
            role("language_model.model.layers.0.mlp.up_proj.weight", true),
            parameter("model.layers.0.mlp.up_proj.weight")
        );
        assert_eq!(role("language_model.lm_head.weight", true), parameter("lm_head.weight"));
        assert_eq!(role("model.language_model.norm.weight", true), parameter("model.norm.weight"));
        assert_eq!(role("lm_head.weight", true), parameter("lm_head.weight"));
        assert_eq!(role("vision_tower.patch_conv.weight", true), Role::Sight);
        assert_eq!(role("vision_tower.patch_conv.weight", false), parameter("vision_tower.patch_conv.weight"));
        assert_eq!(role("layers.3.input_layernorm.weight", false), parameter("model.layers.3.input_layernorm.weight"));
        assert_eq!(role("model.layers.0.self_attn.rotary_emb.inv_freq", false), Role::Buffer);
    }
}
