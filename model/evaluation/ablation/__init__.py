"""The paper's rows: trained one after the other, measured together, set beside the reported figures."""
