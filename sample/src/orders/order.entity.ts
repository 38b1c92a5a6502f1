import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

export type OrderStatus = 'unpaid' | 'charging' | 'paid' | 'declined' | 'expired';

@Entity('shop_order')
export class Order {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  sku!: string;

  @Column('int')
  quantity!: number;

  @Column('int', { name: 'total_cents' })
  totalCents!: number;

  @Column('text')
  email!: string;

  /** The payment provider's token of a card; null until the customer pays. */
  @Column('text', { nullable: true })
  card!: string | null;

  @Column('text')
  status!: OrderStatus;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
