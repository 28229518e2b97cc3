public import OperatorInterface

extension OperatorSet {
    /// Every portable operator. Each file of this module adds a family.
    public static var portable: OperatorSet {
        OperatorSet(
            ElementOperators.all + ReductionOperators.all + GatherOperators.all + ScatterOperators.all
                + SelectionOperators.all + ResampleOperators.all + WindowOperators.all + SequenceOperators.all
                + DropoutOperator.all + IntegerProductOperators.all + ClassicOperators.all
                + RecurrentOperators.all)
    }
}
