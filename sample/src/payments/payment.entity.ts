import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/**
 * What the shop has been paid. A shop would add a unique constraint on the order; this one leaves it out,
 * so that the demo proves something when it counts: nothing but the queue keeps an order from being paid twice.
 */
@Entity('shop_payment')
export class Payment {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @Column('uuid', { name: 'order_id' })
  orderId!: string;

  @Column('int', { name: 'amount_cents' })
  amountCents!: number;

  @Column('text', { name: 'charge_id' })
  chargeId!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'paid_at' })
  paidAt!: Date;
}
