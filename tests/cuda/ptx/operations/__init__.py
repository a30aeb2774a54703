"""What each opcode does: a builder that binds one instruction to the registers of a wave."""
