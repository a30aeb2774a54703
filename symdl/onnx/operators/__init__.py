"""What each ONNX operator is as tensors, family by family; `table` joins the families."""
